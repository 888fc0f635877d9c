"""Settings of drift: whether the faces of the place are compared with what was seen before."""

from __future__ import annotations

from pydantic import Field

from edge.settings.fields import Section


class DriftSettings(Section):
    """Comparison of the faces of the place with earlier ones and with those that the model was measured on."""

    enabled: bool = Field(
        default=True,
        description="Compare, and publish on the topic `drift`; docs/drift.md explains it. It keeps numbers only, and "
        "needs the model's reference.json.",
    )
    persist_h: float = Field(
        default=6.0,
        ge=0,
        le=720,
        description="Hours that drift must last to be a problem: a school class on an excursion is none.",
    )
