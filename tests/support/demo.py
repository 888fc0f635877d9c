"""Scenes of the demo camera, and the detector that finds its people."""

from __future__ import annotations

import numpy as np

from edge import paths
from edge.capture.demo import DemoCamera
from edge.data import Faces, Frame, Scene, Track
from edge.detect.centerface import CenterFace
from edge.tflite import Model

DETECTOR = CenterFace(Model(paths.models() / "face/quality"))
PLAY = DemoCamera(sleep=lambda _: None)
EMPTY_STREET_S, BOTH_PEOPLE_S = 32.5, 10.0


def frame(image: np.ndarray, at: float = 0.0) -> Frame:
    return Frame(image, 0, at=at, read_at=at)


def scene(image: np.ndarray, tracks: tuple[Track, ...] = (), at: float = 0.0) -> Scene:
    return Scene(frame(image, at), Faces.none(), tracks, (), at)


def people() -> np.ndarray:
    return PLAY.scene(BOTH_PEOPLE_S)
