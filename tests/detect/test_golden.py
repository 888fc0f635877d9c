"""The face models find the faces that they found when they were made, whatever runtime and processor."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge import paths
from edge.boxes import iou
from edge.capture.demo import DemoCamera
from edge.stages import load_detector
from tests.support import fakes

_MIN_IOU = 0.9
_SCORE = 0.1
"""Runtimes differ by a step of the quantised output or a few."""


@pytest.mark.parametrize("profile", ["live", "balanced", "quality"])
def test_the_faces_of_the_demo_are_those_of_the_day_it_was_made(profile):
    folder = paths.models() / "face" / profile
    golden = json.loads((folder / "golden.json").read_text())
    (detector, _), camera = load_detector(folder), DemoCamera()
    for second, expected in golden.items():
        found = detector.detect(fakes.frame(image=camera.scene(float(second))))
        assert len(found) == len(expected["scores"]) >= 1
        overlaps = iou(np.array(expected["boxes"], np.float32), found.boxes)
        assert (overlaps.max(1) >= _MIN_IOU).all(), second
        near = found.scores[overlaps.argmax(1)]
        assert np.abs(near - expected["scores"]).max() < _SCORE
