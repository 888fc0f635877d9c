"""Settings of the history on the device."""

from __future__ import annotations

from pydantic import Field

from edge.settings.fields import Section


class HistorySettings(Section):
    """What happened, kept on the device for weeks: episodes, and people by hour; nothing of a person."""

    enabled: bool = Field(
        default=True,
        description="Keep the history, for `maskwatch history` and the web page. Aggregate mode keeps none; "
        "`maskwatch purge` deletes it.",
    )
    days: int = Field(
        default=365,
        ge=1,
        le=3650,
        description="Days after which episodes and counts are deleted: a year compares a season with the last one.",
    )
    max_mb: int = Field(
        default=50,
        ge=1,
        le=10_000,
        description="Size in MB from which the oldest episodes are deleted; 50 MB hold about 500,000.",
    )
