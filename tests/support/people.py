"""The two people of the built-in demo, bare-faced, found by the product's own detector."""

from __future__ import annotations

import functools

import numpy as np

from edge.capture.demo import DemoCamera
from edge.data import Frame
from edge.detect.centerface import CenterFace
from edge.paths import models
from edge.tflite import Model
from models.train.store import Faces, stored

_BARE_AT_S = {0: 5.0, 1: 20.0}
"""When each of them wears no mask, in seconds of the play."""


@functools.cache
def scene(person: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a BGR picture in which one of the two is bare-faced, that face's box (4,) and its landmarks (5, 2)."""
    image = DemoCamera().scene(_BARE_AT_S[person])
    found = CenterFace(Model(models() / "face" / "quality")).detect(Frame(image, 0, at=0.0, read_at=0.0))
    row = int(found.boxes[:, 0].argmax() if person else found.boxes[:, 0].argmin())
    return image, found.boxes[row], found.landmarks[row]


def faces(*crops: np.ndarray, landmarks: np.ndarray) -> Faces:
    """Return crops of one face as stored faces of one picture each, labelled bare."""
    n = len(crops)
    points = np.repeat(landmarks[None], n, 0)
    large = np.full(n, 90, np.float32)
    return Faces(np.stack(crops), points, np.ones(n, np.int64), large, np.arange(n), np.array(["real"] * n))


def stored_face(person: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the crop of one of the two as training keeps it, and its landmarks in the crop."""
    return stored(*scene(person))
