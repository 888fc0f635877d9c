"""CenterFace as the teacher: dense targets for an image from two resolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnxruntime

from edge.detect.centerface import decode
from models.train.face.convert import fetch
from models.train.face.maps import CHANNELS, COLUMNS, HEIGHT_PX, ROWS, WIDTH_PX, cells, split
from models.train.face.tflite import resized

if TYPE_CHECKING:
    from edge.data import Floats, Image

_LARGE_PX = 64
_LARGE_SCORE = 0.5
"""A face with at least this size and this score at low resolution has no other faces inside."""


class Teacher:
    """CenterFace at training size and at twice that."""

    def __init__(self) -> None:
        """Load the network for both sizes, one thread each."""
        network = fetch()
        self._low = session(network, HEIGHT_PX, WIDTH_PX)
        self._high = session(network, 2 * HEIGHT_PX, 2 * WIDTH_PX)

    def targets(self, image: Image) -> Floats:
        """Return float32 (15, ROWS, COLUMNS): for each cell the more confident of both resolutions.

        image: uint8 BGR at twice the training size.
        """
        half = cv2.resize(image, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
        low = maps(self._low, half)
        high = _halved(maps(self._high, image))
        _drop_parts(high, low)
        merged: Floats = np.where(low[:1] >= high[:1], low, high)
        return merged


def session(network: object, height_px: int, width_px: int) -> onnxruntime.InferenceSession:
    """Return CenterFace for images of one size, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    content = resized(network, height_px, width_px).SerializeToString()  # type: ignore[arg-type]
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def maps(session: onnxruntime.InferenceSession, image: Image) -> Floats:
    """Return float32 (15, h, w): the four outputs for a BGR image, stacked."""
    pixels = image[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    return np.concatenate([output[0] for output in session.run(None, {"image": pixels})])


def _halved(stacked: Floats) -> Floats:
    """Return the maps of an image as maps of the same image at half size: the hottest of 2 x 2 cells."""
    blocks = stacked.reshape(CHANNELS, ROWS, 2, COLUMNS, 2).transpose(0, 1, 3, 2, 4).reshape(CHANNELS, ROWS, COLUMNS, 4)
    best = blocks[0].argmax(-1)
    halved = np.take_along_axis(blocks, best[None, ..., None], -1)[..., 0]
    halved[1:3] -= np.log(2)
    halved[3] = (best // 2 + halved[3] + 0.5) / 2 - 0.5
    halved[4] = (best % 2 + halved[4] + 0.5) / 2 - 0.5
    return halved


def _drop_parts(high: Floats, low: Floats) -> None:
    """Set the heat of the cells of `high` to 0 that detect a part of a large face as a face."""
    faces = decode(*split(low), min_score=_LARGE_SCORE)
    sides = np.exp(high[1:3].min(0)) * 4
    for x1, y1, x2, y2 in faces.boxes:
        side = min(x2 - x1, y2 - y1)
        if side >= _LARGE_PX:
            inside = cells(x1, y1, x2, y2)
            high[0][inside] = np.where(sides[inside] < 0.4 * side, 0, high[0][inside])
