"""Shares of people with and without a mask over long intervals: all that is published in aggregate mode.

Source: French decree 2021-269 of 10 March 2021: only counts and percentages over sequences of twenty minutes leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.data import CLASSES, Mask

if TYPE_CHECKING:
    from edge.data import Scene


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The people of one interval; None where they were too few to publish.

    began_at, ended_at: seconds on this process's monotonic clock.  shares: of people, by label, 0 to 1.
    """

    began_at: float
    ended_at: float
    people: int | None
    shares: dict[str, float] | None


class AggregateCounter:
    """Counts each person once, by the first label that the votes gave, and forgets all at the end of an interval."""

    def __init__(self, *, interval_s: float, min_people: int) -> None:
        """Count over `interval_s`; an interval with fewer than `min_people` people has no counts."""
        self._interval_s = interval_s
        self._min_people = min_people
        self._began_at: float | None = None
        self._counts = dict.fromkeys(CLASSES, 0)
        self._counted: set[int] = set()

    def take(self, scene: Scene) -> Aggregate | None:
        """Count a scene; return the interval that ended with it, if any."""
        if self._began_at is None:
            self._began_at = scene.decided_at
        for track in scene.tracks:
            if track.mask is not Mask.UNSURE and track.id not in self._counted:
                self._counts[track.mask] += 1
                self._counted.add(track.id)
        if scene.decided_at - self._began_at < self._interval_s:
            return None
        counts = self._close(self._began_at, scene.decided_at)
        self._began_at, self._counts = scene.decided_at, dict.fromkeys(CLASSES, 0)
        self._counted &= {track.id for track in scene.tracks}
        return counts

    def _close(self, began_at: float, ended_at: float) -> Aggregate:
        people = sum(self._counts.values())
        if people < self._min_people:
            return Aggregate(began_at, ended_at, None, None)
        shares = {mask.value: round(n / people, 3) for mask, n in self._counts.items()}
        return Aggregate(began_at, ended_at, people, shares)
