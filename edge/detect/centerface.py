"""Faces by CenterFace: a heat map of face centres at a quarter of the input size, read out at its peaks.

Source: Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019 (arXiv:1911.03599).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.boxes import Letterbox, clip, nms_voted
from edge.data import Faces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.data import Floats, Frame
    from edge.tflite import Inference

_STRIDE_PX = 4
"""The heat map is a quarter of the input. Source: the paper, section 3.2 (output stride R = 4)."""
_MAX_IOU = 0.3
_VOTE_IOU = 0.5
"""Neighbours of the best peak count in its box: where two cells tie, the better is chance, and differs by runtime."""
_FAR_PX = 1e5
_MAX_PEAKS = 512
"""Peaks decoded in one frame, best first; bounds the cost of nms in a crowd or in noise."""


class CenterFace:
    """Detector for models whose model.toml has `decoder = "centerface"`."""

    def __init__(self, model: Inference, *, min_score: float | None = None) -> None:
        """Take the threshold from model.toml unless `min_score` is given."""
        self._model = model
        self._min_score = model.spec.thresholds["score"] if min_score is None else min_score

    def detect(self, frame: Frame) -> Faces:
        """Return the faces of a frame, best score first, boxes in pixels of `frame.image`."""
        image = frame.image if frame.small is None else frame.small
        height_px, width_px = image.shape[:2]
        letterbox = Letterbox.fit((width_px, height_px), *self._model.size_px)
        faces = self._model.read(letterbox.apply(image), partial(decode, min_score=self._min_score))
        to_frame = np.array([frame.size_px[0] / width_px, frame.size_px[1] / height_px], np.float32)
        boxes = letterbox.undo(faces.boxes) * np.tile(to_frame, 2)
        landmarks = None if faces.landmarks is None else letterbox.undo(faces.landmarks) * to_frame
        return Faces(clip(boxes, *frame.size_px), faces.scores, landmarks)


def decode(heat: Floats, size: Floats, offset: Floats, landmarks: Floats, *, min_score: float) -> Faces:
    """Return the faces in the four output maps, in pixels of the model's input.

    heat (1, h, w, 1) 0..1; size (1, h, w, 2) log of height and width in cells; offset (1, h, w, 2) y, x in cells;
    landmarks (1, h, w, 10) y, x of five points as shares of the box.

    Source: the paper, section 3.2: centre = (cell + offset) * R, side = R * exp(size); the half cell is the centre
    of a cell, as the trained network has it.
    """
    rows, columns = _peaks(heat[0, :, :, 0], min_score)
    scores = heat[0, rows, columns, 0]
    sides = np.exp(size[0, rows, columns]) * _STRIDE_PX
    cells = np.stack([rows, columns], 1).astype(np.float32)
    centres = (cells + offset[0, rows, columns] + 0.5) * _STRIDE_PX
    corners = centres - sides / 2
    boxes = np.concatenate([corners, corners + sides], 1)[:, [1, 0, 3, 2]].astype(np.float32)
    points = corners[:, None] + landmarks[0, rows, columns].reshape(-1, 5, 2) * sides[:, None]
    # a damaged map may contain NaN, and a box of it would end the run
    sound = np.isfinite(boxes).all(1) & np.isfinite(points).all((1, 2))
    boxes, points = np.clip(boxes[sound], -_FAR_PX, _FAR_PX), points[sound]
    scores = np.minimum(scores[sound], 1)
    kept, voted = nms_voted(boxes, scores, _MAX_IOU, _VOTE_IOU)
    return Faces(voted, scores[kept], points[kept][:, :, ::-1].astype(np.float32))


def _peaks(heat: Floats, min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return rows and columns of the cells above `min_score`, at most `_MAX_PEAKS`, best first."""
    flat = heat.ravel()
    cells = np.flatnonzero(flat >= min_score)  # over one axis: over two it costs ten times as much
    best = np.argsort(-flat[cells], kind="stable")[:_MAX_PEAKS]
    rows, columns = np.divmod(cells[best], heat.shape[1])
    return rows, columns
