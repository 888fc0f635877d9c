"""Settings of the metrics for Prometheus."""

from __future__ import annotations

from pydantic import Field, field_validator

from edge.settings.fields import Section


class MetricsSettings(Section):
    """Metrics for Prometheus; docs/monitoring.md lists them."""

    port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Port of `http://127.0.0.1:PORT/metrics`, on loopback only. 0: off, so that a device opens no port "
        "unless asked.",
    )
    textfile: str = Field(
        default="",
        description="File for node_exporter's textfile collector, ending in .prom and replaced every 15 seconds; it "
        "needs no port. Empty: none.",
    )

    @field_validator("textfile")
    @classmethod
    def _read_by_node_exporter(cls, path: str) -> str:
        """Refuse a name that node_exporter would not read."""
        if path and not path.endswith(".prom"):
            message = f"{path} would not be read by node_exporter; fix: a name that ends in .prom"
            raise ValueError(message)
        return path
