"""The stage `measure`: gives each visible track its position, from the box of refined height."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Box, Frame, Track
    from edge.distance.ranging import RangeFinder
    from edge.distance.refine import Refinement


class Locator:
    """Refines the boxes of the tracks in sight, and then finds their range."""

    def __init__(self, refinement: Refinement, range_finder: RangeFinder) -> None:
        """Locate by these two."""
        self._refinement, self._range_finder = refinement, range_finder

    def measure(self, frame: Frame, tracks: Sequence[Track]) -> tuple[Track, ...]:
        """Return the tracks with their positions; none for a track without a face, or whose face the border cuts."""
        boxes = self._refinement.refine(frame, tracks)
        return tuple(self._located(track, box, frame) for track, box in zip(tracks, boxes, strict=True))

    def _located(self, track: Track, box: Box, frame: Frame) -> Track:
        if track.face is None:
            return track
        return replace(track, position=self._range_finder.position(box, frame.size_px))
