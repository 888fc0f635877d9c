"""Whether the camera still looks where it looked: by where the edges of the whole picture lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge.data import Floats, Image

_LOOK_S = 2.0
_GRID = (32, 18)
"""Cells across and down: coarse enough that people and leaves hardly count, fine enough for a nudge of a tenth."""
_ALIKE = 0.45
"""Correlation above which two pictures show the same place.

Measured: streets with people walking through 0.51 and more, a third of the light left 0.99; turned aside by a tenth of
the width 0.32 and less, other places 0.38 in 99 of 100 pairs; the row of like houses in the demo needs a fifth.
"""
_LEARNING = 0.02
"""Share of a new look in the memory: light and shadows may change within minutes."""
_FORGET_S = 86_400.0
"""After a day the new place is taken for the right one."""


class Viewpoint:
    """Remembers the place; one that is hidden for less than `patience_s`, by a bus say, has not changed."""

    def __init__(self, *, patience_s: float) -> None:
        """Believe a change that lasts for `patience_s`."""
        self._patience_s = patience_s
        self._place: Floats | None = None
        self._look_at = float("-inf")
        self._strange_since: float | None = None

    def moved(self, image: Image, at: float) -> bool:
        """Return whether the camera has been looking elsewhere for long enough."""
        if at >= self._look_at:
            self._look_at = at + _LOOK_S
            self._compare(edges(image), at)
        return self._strange_since is not None and at - self._strange_since >= self._patience_s

    def _compare(self, seen: Floats, at: float) -> None:
        if self._place is None or self._forgotten(at):
            self._place, self._strange_since = seen, None
        elif float((self._place * seen).sum()) >= _ALIKE:
            self._place, self._strange_since = _unit((1 - _LEARNING) * self._place + _LEARNING * seen), None
        elif self._strange_since is None:
            self._strange_since = at

    def _forgotten(self, at: float) -> bool:
        return self._strange_since is not None and at - self._strange_since >= _FORGET_S


def edges(image: Image) -> Floats:
    """Return how much upright and level edge each cell of a picture holds, float32 (2, 18, 32), means 0, length 1."""
    step = max(1, min(image.shape[0] // (8 * _GRID[1]), image.shape[1] // (8 * _GRID[0])))
    grey = cv2.cvtColor(np.ascontiguousarray(image[::step, ::step]), cv2.COLOR_BGR2GRAY)
    smooth = cv2.GaussianBlur(grey, (5, 5), 0).astype(np.float32)
    both = [np.abs(cv2.Sobel(smooth, cv2.CV_32F, across, 1 - across)) for across in (1, 0)]
    # the root keeps one bright sign from outweighing all the rest
    cells = [np.sqrt(cv2.resize(strength, _GRID, interpolation=cv2.INTER_AREA)) for strength in both]
    return _unit(np.stack(cells).astype(np.float32))


def _unit(cells: Floats) -> Floats:
    centred = cells - cells.mean((1, 2), keepdims=True)
    result: Floats = (centred / max(float(np.linalg.norm(centred)), 1e-6)).astype(np.float32)
    return result
