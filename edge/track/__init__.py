"""Faces that become persons while in sight: the contract that every tracker keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from edge.data import Faces, Track


class Tracker(Protocol):
    """Follows persons by boxes and motion only."""

    def update(self, faces: Faces, at: float) -> tuple[Track, ...]:
        """Return one track a person, seen at `at` seconds or lost for a short while."""
        ...
