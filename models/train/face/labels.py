"""Correct the teacher's heat by what is known: labelled faces, faces that were turned, and places without people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.face.canvas import EMPTY
from models.train.face.maps import COLUMNS, ROWS, STRIDE_PX, cells

if TYPE_CHECKING:
    from edge.data import Floats
    from models.train.face.canvas import Canvas

_CONFIRMED_SCORE = 0.8
"""Minimum heat of a face that is labelled and that the teacher found."""
_SURE = 0.5
"""Below this heat, a face that the survey knows is drawn into the maps; the teacher knows few rolled ones."""
_MIN_SIDE_PX = 10
_SPREAD = 0.08
"""Standard deviation of the heat around a face's centre, in sides of its box, as CenterFace's."""
_EMPTY_SHARE = 0.2
"""What remains of the heat in a place without people."""


def corrected(maps: Floats, canvas: Canvas) -> Floats:
    """Return the teacher's maps (15, ROWS, COLUMNS) of a scene with what is known of it."""
    empty = cv2.resize(canvas.empty, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA) == EMPTY
    right = maps.copy()
    for box, landmarks in zip(canvas.boxes / 2, canvas.landmarks / 2, strict=True):
        _confirm(right, box)
        if np.isfinite(landmarks).all():
            _draw(right, box, landmarks)
            empty[cells(*box)] = False
    right[0][empty] *= _EMPTY_SHARE
    return right


def _confirm(maps: Floats, box: Floats) -> None:
    """Raise the heat of a face of the teacher that is also labelled; the box in pixels of the training size."""
    peak = maps[0][_core(box)].max(initial=0.0)
    if 0.1 <= peak < _CONFIRMED_SCORE:
        inside = cells(*box)
        maps[0][inside] *= _CONFIRMED_SCORE / max(peak, maps[0][inside].max())


def _core(box: Floats) -> tuple[slice, slice]:
    x1, y1, x2, y2 = box
    w, h = (x2 - x1) / 4, (y2 - y1) / 4
    return cells(x1 + w, y1 + h, x2 - w, y2 - h)


def _draw(maps: Floats, box: Floats, landmarks: Floats) -> None:
    """Draw a face that the teacher missed: a Gaussian of heat, and size, offset and landmarks there."""
    sides = box[2:] - box[:2]
    if sides.min() < _MIN_SIDE_PX or maps[0][_core(box)].max(initial=0.0) >= _SURE:
        return
    column, row = (box[:2] + box[2:]) / (2 * STRIDE_PX) - 0.5
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    spread = max(0.7, _SPREAD * float(sides.min()) / STRIDE_PX)
    heat = _CONFIRMED_SCORE * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * spread**2))
    where = heat > np.maximum(maps[0], 0.1)
    points = ((landmarks - box[:2]) / sides)[:, ::-1].ravel()
    maps[0][where] = heat[where]
    maps[1:3, where] = np.log(sides[::-1] / STRIDE_PX)[:, None]
    maps[3:5, where] = np.stack([row - rows[where], column - columns[where]])
    maps[5:, where] = points[:, None]
