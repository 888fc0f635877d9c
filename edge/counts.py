"""Entries since midnight: each person once, by the first label of the vote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.data import Mask

if TYPE_CHECKING:
    from datetime import date

    from edge.data import Scene


class Entries:
    """Counts persons by label; a new day starts at zero."""

    def __init__(self) -> None:
        """Start at zero."""
        self._day: date | None = None
        self._counted: set[int] = set()
        self._counts: dict[str, int] = {}

    def count(self, scene: Scene, today: date) -> dict[str, int]:
        """Return the entries of `today` including `scene`, by every label except unsure."""
        if today != self._day:
            self._day = today
            self._counts = {mask.value: 0 for mask in Mask if mask is not Mask.UNSURE}
        for track in scene.tracks:
            if track.id not in self._counted and track.mask is not Mask.UNSURE:
                self._counts[track.mask.value] += 1
                self._counted.add(track.id)
        self._counted &= {track.id for track in scene.tracks}
        return dict(self._counts)
