"""Heights of the single face in front of the camera, from a running maskwatch or from the camera itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge.data import Frame
from edge.distance.refine import height_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from edge.data import Gap
    from edge.show.shared_scene import SceneReader
    from edge.stages import Models

    Box = tuple[float, float, float, float]

_ALONE = 0.6
"""Share of the largest face's height from which a second face counts as another person nearby."""
_WAIT_S = 0.5


def lone_face(boxes: Sequence[Box]) -> Box | None:
    """Return the box of the largest face if nobody else is nearby, else None."""
    ordered = sorted(boxes, key=lambda box: box[1] - box[3])
    if not ordered or (len(ordered) > 1 and _height(ordered[1]) > _ALONE * _height(ordered[0])):
        return None
    return ordered[0]


def _height(box: Box) -> float:
    return box[3] - box[1]


def from_running(reader: SceneReader, models: Models, until: float) -> Iterator[float | None]:
    """Yield the lone face's height in image widths from a running maskwatch, until a time on the monotonic clock.

    Raises:
        NotRunning: the maskwatch has ended.
    """
    while time.monotonic() < until:
        scene = reader.newest(_WAIT_S)
        if scene is not None and scene[0] is not None:
            frame = Frame(scene[0], 0, 0.0, 0.0)
            (width, height), marks = frame.size_px, scene[1].marks
            boxes = [(m.box[0] * width, m.box[1] * height, m.box[2] * width, m.box[3] * height) for m in marks]
            yield _measured(frame, boxes, models)


def from_frames(frames: Iterator[Frame | Gap], models: Models, until: float) -> Iterator[float | None]:
    """Yield the lone face's height in image widths from a camera's frames, until a time on the monotonic clock."""
    for frame in frames:
        if isinstance(frame, Frame):
            yield _measured(frame, [tuple(row) for row in models.detector.detect(frame).boxes.tolist()], models)
        if time.monotonic() >= until:
            return


def _measured(frame: Frame, boxes: Sequence[Box], models: Models) -> float | None:
    """Return the lone face's height in image widths, refined as the pipeline does."""
    face = lone_face(boxes)
    if face is None:
        return None
    return (height_in(frame, face, models.detector, models.detector_px) or _height(face)) / frame.size_px[0]


def measured(heights: Iterable[float | None]) -> list[float]:
    """Return the heights of the frames that have one."""
    return [height for height in heights if height is not None]
