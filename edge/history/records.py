"""What the history keeps: episodes, and people by hour."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from edge.clock import utc
from edge.data import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable


LABELS = tuple(mask.value for mask in CLASSES)


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One episode, without anything of the person.

    opened: seconds since 1970 at which the label began.  duration_s: None while it is open, and where a power cut hid
    its end.  reason: why it ended.  confidence: that of its newest alert.  clock_synced: whether `opened` is right.
    """

    event_id: str
    label: str
    opened: float
    duration_s: float | None
    reason: str | None
    confidence: float
    clock_synced: bool

    def as_row(self, camera: str) -> dict[str, Any]:
        """Return the values of ROW, with times in UTC, ISO 8601, as files and the web page have them."""
        ended = None if self.duration_s is None else utc(self.opened + self.duration_s)
        values = asdict(self) | {"camera": camera, "opened": utc(self.opened), "ended": ended}
        return {name: values[name] for name in ROW}


COLUMNS = tuple(field.name for field in fields(EpisodeRecord))
ROW = ("event_id", "camera", "label", "opened", "ended", "duration_s", "reason", "confidence", "clock_synced")
"""What a row has in files and on the web page."""


@dataclass(frozen=True, slots=True)
class PeopleCount:
    """How many people entered with a label in the hour that begins at `hour`, seconds since 1970."""

    hour: int
    label: str
    people: int


def by_hour(counts: Iterable[PeopleCount]) -> list[dict[str, Any]]:
    """Return one row for each hour in which people entered, with their number by label."""
    rows: dict[int, dict[str, Any]] = {}
    for count in counts:
        row = rows.setdefault(count.hour, {"hour": utc(count.hour), **dict.fromkeys(LABELS, 0)})
        row[count.label] = count.people
    return list(rows.values())
