"""Heights of the one face before the camera, from a running maskwatch or from the camera itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge.data import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from edge.data import Gap
    from edge.detect import Detector
    from edge.show.slot import SceneReader

_ALONE = 0.6
"""Share of the largest face's height from which a second face is somebody who stands there too."""
_WAIT_S = 0.5


def lone_height(heights: Sequence[float]) -> float | None:
    """Return the height of the largest face where nobody else is near, else None."""
    ordered = sorted(heights, reverse=True)
    if not ordered or (len(ordered) > 1 and ordered[1] > _ALONE * ordered[0]):
        return None
    return ordered[0]


def of_watch(reader: SceneReader, until: float) -> Iterator[float | None]:
    """Yield, until a moment on the monotonic clock, the lone face's height in picture widths, of a running watch.

    Raises:
        CameraLost: the watch ended.
    """
    while time.monotonic() < until:
        scene = reader.newest(_WAIT_S)
        if scene is not None and scene[0] is not None:
            height_px, width_px = scene[0].shape[:2]
            yield lone_height([(mark.box[3] - mark.box[1]) * height_px / width_px for mark in scene[1].marks])


def of_frames(frames: Iterator[Frame | Gap], detector: Detector, until: float) -> Iterator[float | None]:
    """Yield, until a moment on the monotonic clock, the lone face's height in picture widths, of a camera's frames."""
    for frame in frames:
        if isinstance(frame, Frame):
            boxes = detector.detect(frame).boxes
            yield lone_height(((boxes[:, 3] - boxes[:, 1]) / frame.size_px[0]).tolist())
        if time.monotonic() >= until:
            return


def seen(heights: Iterable[float | None]) -> list[float]:
    """Return the heights of the pictures in which there was one."""
    return [height for height in heights if height is not None]
