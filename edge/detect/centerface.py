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
        self._decode = partial(decode, min_score=model.spec.thresholds["score"] if min_score is None else min_score)

    def detect(self, frame: Frame) -> Faces:
        """Return the faces of a frame, best score first, boxes in pixels of `frame.image`."""
        image = frame.image if frame.small is None else frame.small
        height_px, width_px = image.shape[:2]
        letterbox = Letterbox.fit((width_px, height_px), *self._model.size_px)
        faces = self._model.read(letterbox.apply(image), self._decode)
        if not len(faces) or (letterbox.scale == 1 and frame.small is None):
            return Faces(clip(faces.boxes, *frame.size_px), faces.scores, faces.landmarks)
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
    flat = heat.reshape(-1)
    peaks = _peaks(flat, min_score)
    if not len(peaks):
        return Faces.none()
    # over one axis: over two, finding and reading the peaks costs several times as much
    scores = flat[peaks]
    sides = np.exp(size.reshape(-1, 2)[peaks]) * _STRIDE_PX
    cells = np.stack(np.divmod(peaks, heat.shape[2]), 1).astype(np.float32)
    centres = (cells + offset.reshape(-1, 2)[peaks] + 0.5) * _STRIDE_PX
    corners = centres - sides / 2
    boxes = np.concatenate([corners[:, ::-1], (corners + sides)[:, ::-1]], 1)
    points = corners[:, None] + landmarks.reshape(-1, 5, 2)[peaks] * sides[:, None]
    # a damaged map may contain NaN, and a box of it would end the run
    sound = np.isfinite(boxes).all(1) & np.isfinite(points).all((1, 2))
    boxes, points = np.clip(boxes[sound], -_FAR_PX, _FAR_PX), points[sound]
    scores = np.minimum(scores[sound], 1)
    kept, voted = nms_voted(boxes, scores, _MAX_IOU, _VOTE_IOU)
    return Faces(voted, scores[kept], points[kept][:, :, ::-1].astype(np.float32))


def _peaks(flat: Floats, min_score: float) -> NDArray[Any]:
    """Return the cells of a map, as one row, that are above `min_score`, at most `_MAX_PEAKS`, best first."""
    cells = (flat >= min_score).nonzero()[0]
    best: NDArray[Any] = cells[(-flat[cells]).argsort(kind="stable")[:_MAX_PEAKS]]
    return best
