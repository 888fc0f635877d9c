"""The motion gate: where nothing has moved and nobody is known, no faces are detected.

Pixels are compared with those of the last detection, so that slow movement adds up, in cells that are averages of a few
pixels, so that noise does not; how much each cell flickers by itself is learned while the gate is closed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge.data import Floats, Frame, Scene

_SAMPLES_ACROSS = 320
"""Pixels of a row that are read; a person whose face is 16 pixels of 1280 wide is still 10 of them across."""
_CELL_PX = 5
_LEAST_CHANGE = 6.0
"""Grey levels that a cell must change; a shadow's edge changes it by ten and more."""
_SIGMAS = 6.0
"""Flickers that a cell must change; were it normal, one of 2,304 cells would do so in a million frames."""
_MAX_FLICKER = 6.0
"""Grey levels of flicker at most, so that a person before moving leaves still opens the gate."""
_LEARNING = 0.05
"""Share of the newest frame in the flicker: 20 frames."""
_MEAN_TO_SIGMA = 1.25
"""Standard deviation of a normal quantity, by its mean absolute deviation: sqrt(pi / 2)."""
_HOLD_S = 3.0
"""How long the gate stays open after movement or a face: somebody may stand still, turned away, and turn back."""


class MotionGate:
    """Decides for the frames of one camera whether faces are detected in them."""

    def __init__(self, *, forced_s: float) -> None:
        """Select a frame at least every `forced_s`; 0: every frame."""
        self._forced_s = forced_s
        self._selected_at = -math.inf
        self._busy_at = -math.inf
        self._selected: Floats | None = None
        self._before: Floats | None = None
        self._flicker: Floats | None = None

    def opens(self, frame: Frame, last: Scene) -> bool:
        """Return whether to select a frame; `last`: the scene of the last selected one."""
        if last.tracks or last.episodes or len(last.faces):
            self._busy_at = frame.at
        if frame.at - self._busy_at < _HOLD_S or not self._forced_s:
            self._selected = self._before = None
            return True
        cells = _cells(frame)
        self._learn(cells)
        if self._has_moved(cells):
            self._busy_at = frame.at
        elif frame.at - self._selected_at < self._forced_s:
            return False
        self._selected_at, self._selected = frame.at, cells
        return True

    def _learn(self, cells: Floats) -> None:
        """Learn from two frames in a row how much each cell changes by itself."""
        if self._before is not None and self._before.shape == cells.shape:
            change = _MEAN_TO_SIGMA * np.abs(cells - self._before)
            if self._flicker is None or self._flicker.shape != cells.shape:
                self._flicker = np.full_like(cells, change.mean())
            self._flicker += _LEARNING * (change - self._flicker)
        self._before = cells

    def _has_moved(self, cells: Floats) -> bool:
        """Return whether a cell has changed since the last detection, by more than the whole image and its flicker."""
        if self._selected is None or self._selected.shape != cells.shape:
            return self._selected is not None
        change = cells - self._selected
        change -= np.median(change)  # a cloud, or the camera's exposure
        return bool((np.abs(change) > self._least_change()).any())

    def _least_change(self) -> Floats:
        """Return by how much each cell must change; one that happened to be calm flickers as the others do."""
        if self._flicker is None:
            return np.array(_LEAST_CHANGE, np.float32)
        flicker = np.maximum(self._flicker, np.median(self._flicker))
        least: Floats = np.maximum(_LEAST_CHANGE, _SIGMAS * np.minimum(flicker, _MAX_FLICKER))
        return least


def _cells(frame: Frame) -> Floats:
    """Return the means of cells of `_CELL_PX` pixels, float32 (h, w), of the green channel, which has the least noise.

    Only every n-th pixel is read: to average them all would cost as much as a small detector.
    """
    image = frame.image if frame.small is None else frame.small
    step = max(1, image.shape[1] // _SAMPLES_ACROSS)
    green = np.ascontiguousarray(image[::step, ::step, 1])
    size = (max(1, green.shape[1] // _CELL_PX), max(1, green.shape[0] // _CELL_PX))
    cells: Floats = cv2.resize(green, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return cells
