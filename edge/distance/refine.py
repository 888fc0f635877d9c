"""A closer look at small faces, for their height alone: now and then, one is cut out of the full picture.

In a detector's small input a face six metres away is nine pixels tall, and its box up to a third too large or too
small. In the full picture it has thirty. On the drawn scenes of tests/distance (`live`, 102 faces at 1 to 6 m) two of
three distances were within a tenth without this, and all of them with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edge.boxes import iou
from edge.data import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Box, Track
    from edge.detect import Detector

_FACE_PX = 48.0
"""Height in the detector's input from which a box is good enough; a larger face is shown no larger than this."""
_EVERY_S = 0.5
"""Time between two looks: each costs what a frame's detection costs, a tenth of a Raspberry Pi 4's core at most."""
_FRESH_S = 2.0
"""A face is looked at again after this time."""
_SAME = 0.15
"""Change of a box's height that is thought to be its own unrest; beyond it the face has come nearer or gone away."""
_SAME_FACE_IOU = 0.3


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look found: heights in px of the picture, of the box as tracked and of the one found closer."""

    at: float
    rough_px: float
    height_px: float


class Refinement:
    """The stage that looks, and remembers what it found of each track."""

    def __init__(self, detector: Detector, input_px: tuple[int, int]) -> None:
        """Look with a detector of this input, width and height; it is used on the thread that calls `measure`."""
        self._detector, self._input_px = detector, input_px
        self._looks: dict[int, _Look] = {}
        self._next_at = float("-inf")

    def measure(self, frame: Frame, tracks: Sequence[Track]) -> tuple[Track, ...]:
        """Return the tracks with their measured boxes; if it is time, look at the face that has waited longest."""
        known = {track.id for track in tracks}
        self._looks = {number: look for number, look in self._looks.items() if number in known}
        due = self._due(tracks, frame) if frame.at >= self._next_at else None
        if due is not None:
            self._next_at = frame.at + _EVERY_S
            self._looks[due.id] = self._look(due, frame)
        return tuple(self._measured(track) for track in tracks)

    def _measured(self, track: Track) -> Track:
        """Return a track whose measured box is of the height that the last look found."""
        look = self._looks.get(track.id)
        if look is None:
            return track
        x1, y1, x2, y2 = track.box
        grown = (y2 - y1) / look.rough_px
        half = look.height_px * (1.0 if abs(grown - 1) < _SAME else grown) / 2
        return replace(track, measured=(x1, (y1 + y2) / 2 - half, x2, (y1 + y2) / 2 + half))

    def _due(self, tracks: Sequence[Track], frame: Frame) -> Track | None:
        scale = min(small / whole for small, whole in zip(self._input_px, frame.size_px, strict=True))
        looked = {number: look.at for number, look in self._looks.items()}
        waiting = [
            track
            for track in tracks
            if track.face is not None
            and 1 < (track.box[3] - track.box[1]) * scale < _FACE_PX
            and frame.at - looked.get(track.id, float("-inf")) >= _FRESH_S
        ]
        return min(waiting, key=lambda track: looked.get(track.id, float("-inf")), default=None)

    def _look(self, track: Track, frame: Frame) -> _Look:
        rough_px = track.box[3] - track.box[1]
        height_px = height_in(frame, track.box, self._detector, self._input_px)
        return _Look(frame.at, rough_px, height_px or rough_px)


def height_in(frame: Frame, box: Box, detector: Detector, input_px: tuple[int, int]) -> float | None:
    """Return the height of a face, px of the picture, from a cut around it; None where it is not found again."""
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
