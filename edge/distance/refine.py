"""Refinement: the height of small faces, measured in a cut of the full image instead of the detector's small input.

At six metres a face is nine pixels tall in a detector's small input, and its box up to a third too large or too small.
In the full image it has thirty. On the drawn scenes of tests/distance (`live`, 102 faces at 1 to 6 m) two of three
distances were within a tenth without the refinement, and all of them with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.boxes import iou
from edge.data import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Box, Track
    from edge.detect import Detector

_FACE_PX = 48.0
"""Height in the detector's input from which a box is good enough; larger faces are shrunk to this height."""
_EVERY_S = 0.5
"""Time between two detections: each costs as much as that of a frame, a tenth of a Raspberry Pi 4's core at most."""
_FRESH_S = 2.0
"""A face is measured again after this time."""
_JITTER = 0.15
"""Change of a box's height that is taken for jitter; a larger one means that the face has come nearer or gone away."""
_SAME_FACE_IOU = 0.3


@dataclass(frozen=True, slots=True)
class _Measured:
    """Heights of a face in px of the image: of the tracked box, and as measured in the cut at that time."""

    at: float
    rough_px: float
    height_px: float


class Refinement:
    """Measures one small face at a time, and remembers the result for each track."""

    def __init__(self, detector: Detector, input_px: tuple[int, int]) -> None:
        """Measure with a detector whose input has this width and height, on the thread that calls `refine`."""
        self._detector, self._input_px = detector, input_px
        self._measured: dict[int, _Measured] = {}
        self._next_at = float("-inf")

    def refine(self, frame: Frame, tracks: Sequence[Track]) -> tuple[Box, ...]:
        """Return the box of each track, of refined height where it is known; measure the face that waited longest."""
        known = {track.id for track in tracks}
        self._measured = {number: found for number, found in self._measured.items() if number in known}
        due = self._due(tracks, frame) if frame.at >= self._next_at else None
        if due is not None:
            self._next_at = frame.at + _EVERY_S
            self._measured[due.id] = self._measure(due, frame)
        return tuple(self._refined(track) for track in tracks)

    def _refined(self, track: Track) -> Box:
        """Return the box of a track, as tall as last measured; its centre and width stay."""
        found = self._measured.get(track.id)
        if found is None:
            return track.box
        x1, y1, x2, y2 = track.box
        growth = (y2 - y1) / found.rough_px
        half = found.height_px * (1.0 if abs(growth - 1) < _JITTER else growth) / 2
        return x1, (y1 + y2) / 2 - half, x2, (y1 + y2) / 2 + half

    def _due(self, tracks: Sequence[Track], frame: Frame) -> Track | None:
        scale = min(small / whole for small, whole in zip(self._input_px, frame.size_px, strict=True))
        measured_at = {number: found.at for number, found in self._measured.items()}
        waiting = [
            track
            for track in tracks
            if track.face is not None
            and 1 < (track.box[3] - track.box[1]) * scale < _FACE_PX
            and frame.at - measured_at.get(track.id, float("-inf")) >= _FRESH_S
        ]
        return min(waiting, key=lambda track: measured_at.get(track.id, float("-inf")), default=None)

    def _measure(self, track: Track, frame: Frame) -> _Measured:
        rough_px = track.box[3] - track.box[1]
        height_px = height_in(frame, track.box, self._detector, self._input_px)
        return _Measured(frame.at, rough_px, height_px or rough_px)


def height_in(frame: Frame, box: Box, detector: Detector, input_px: tuple[int, int]) -> float | None:
    """Return the height of a face, px of the image, measured in a cut around it; None where it is not found again."""
    zoom = max(1.0, (box[3] - box[1]) / _FACE_PX)
    size = [min(round(side * zoom), whole) for side, whole in zip(input_px, frame.size_px, strict=True)]
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    wanted = [(at - side / 2, whole - side) for at, side, whole in zip(middle, size, frame.size_px, strict=True)]
    left, top = (round(min(max(start, 0), last)) for start, last in wanted)
    cut = np.ascontiguousarray(frame.image[top : top + size[1], left : left + size[0]])
    found = detector.detect(Frame(cut, frame.seq, frame.at, frame.read_at)).boxes
    overlap = iou(np.array([box], np.float32) - np.array([left, top, left, top], np.float32), found)[0]
    if not len(found) or overlap.max() < _SAME_FACE_IOU:
        return None
    best = found[int(overlap.argmax())]
    return float(best[3] - best[1])
