"""Detection of a moved camera, by the positions of the edges in the whole image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge.data import Floats, Image

_INTERVAL_S = 2.0
_GRID = (32, 18)
"""Cells across and down: coarse enough to ignore people and leaves, fine enough for a shift by a tenth of the width."""
_ALIKE = 0.45
"""Correlation above which two images show the same place.

Measured: streets with people walking through 0.51 and more, at a third of the light 0.99; turned by a tenth of the
width 0.32 and less, other places at most 0.38 in 99 of 100 pairs; the demo's row of similar houses needs a fifth.
"""
_LEARNING = 0.02
"""Weight of a new image in the memory: light and shadows may change within minutes."""
_FORGET_S = 86_400.0
"""After a day, the new place counts as the right one."""


class Viewpoint:
    """Remembers the place; a view that is hidden for less than `patience_s`, such as by a bus, has not moved."""

    def __init__(self, *, patience_s: float) -> None:
        """Accept a change that lasts for `patience_s`."""
        self._patience_s = patience_s
        self._place: Floats | None = None
        self._next_at = float("-inf")
        self._differs_since: float | None = None

    def moved(self, image: Image, at: float) -> bool:
        """Return whether the camera has shown another place for long enough."""
        if at >= self._next_at:
            self._next_at = at + _INTERVAL_S
            self._compare(edges(image), at)
        return self._differs_since is not None and at - self._differs_since >= self._patience_s

    def _compare(self, seen: Floats, at: float) -> None:
        if self._place is None or self._forgotten(at):
            self._place = seen
            self._differs_since = None
        elif float((self._place * seen).sum()) >= _ALIKE:
            self._place = _unit((1 - _LEARNING) * self._place + _LEARNING * seen)
            self._differs_since = None
        elif self._differs_since is None:
            self._differs_since = at

    def _forgotten(self, at: float) -> bool:
        return self._differs_since is not None and at - self._differs_since >= _FORGET_S


def edges(image: Image) -> Floats:
    """Return the strength of vertical and horizontal edges per cell, float32 (2, 18, 32), with mean 0 and length 1."""
    step = max(1, min(image.shape[0] // (8 * _GRID[1]), image.shape[1] // (8 * _GRID[0])))
    grey = cv2.cvtColor(np.ascontiguousarray(image[::step, ::step]), cv2.COLOR_BGR2GRAY)
    smooth = cv2.GaussianBlur(grey, (5, 5), 0).astype(np.float32)
    both = [np.abs(cv2.Sobel(smooth, cv2.CV_32F, across, 1 - across)) for across in (1, 0)]
    # the square root keeps one bright sign from dominating
    cells = [np.sqrt(cv2.resize(strength, _GRID, interpolation=cv2.INTER_AREA)) for strength in both]
    return _unit(np.stack(cells).astype(np.float32))


def _unit(cells: Floats) -> Floats:
    centred = cells - cells.mean((1, 2), keepdims=True)
    result: Floats = (centred / max(float(np.linalg.norm(centred)), 1e-6)).astype(np.float32)
    return result
