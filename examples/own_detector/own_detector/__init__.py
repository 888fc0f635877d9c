"""A detector that checks each frame and its mirror image, and keeps what either finds: twice the work.

maskwatch run --source demo --set detector.model="$(python -m own_detector)"

The folder `model` holds the weights (model.tflite) and model.toml, whose `decoder = "mirrored"` chooses this detector.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import edge
from edge.boxes import nms
from edge.detect.centerface import CenterFace

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = Path(__file__).parent / "model"
_SAME_IOU = 0.3
"""Overlap from which two boxes are of one face."""


class Mirrored:
    """Detector for models whose model.toml states `decoder = "mirrored"`."""

    def __init__(self, model: edge.Model, *, min_score: float | None = None) -> None:
        """Take the loaded model; `min_score` is the setting `detector.min_score`, None for the model's own."""
        self._one_way = CenterFace(model, min_score=min_score)

    def detect(self, frame: edge.Frame) -> edge.Faces:
        """Return the faces of a frame, best score first, boxes in pixels of `frame.image`."""
        plain = self._one_way.detect(frame)
        other = self._one_way.detect(_mirrored(frame))
        boxes = np.concatenate([plain.boxes, _mirrored_boxes(other.boxes, frame.size_px[0])])
        scores = np.concatenate([plain.scores, other.scores])
        kept = nms(boxes, scores, _SAME_IOU)
        return edge.Faces(boxes[kept], scores[kept])


def _mirrored(frame: edge.Frame) -> edge.Frame:
    small = None if frame.small is None else _flipped(frame.small)
    return edge.Frame(_flipped(frame.image), frame.seq, at=frame.at, read_at=frame.read_at, small=small)


def _flipped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image[:, ::-1])


def _mirrored_boxes(boxes: NDArray[np.float32], width_px: int) -> NDArray[np.float32]:
    """Return boxes (N, 4) of the mirror image in pixels of the image."""
    return np.stack([width_px - boxes[:, 2], boxes[:, 1], width_px - boxes[:, 0], boxes[:, 3]], 1)
