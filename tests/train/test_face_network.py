"""The small detector read back from its int8 file."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.boxes import iou
from edge.capture.demo import DemoCamera
from edge.detect.centerface import decode
from edge.paths import models
from edge.tflite import Model

torch = pytest.importorskip("torch", reason="the extra train is not installed")

GROWN = 0.05


def test_the_float_network_read_from_the_int8_file_finds_the_same_faces():
    from models.train.face.dequantised import dequantised
    from models.train.face.network import INPUT_SCALE, SMALL

    folder = models() / "face" / "live"
    net = dequantised(folder / "model.tflite", SMALL, 0.0).eval()
    image = cv2.resize(DemoCamera().scene(11.0), (384, 288), interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        pixels = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].float() / INPUT_SCALE
        heat, *others = (output.permute(0, 2, 3, 1).numpy() for output in net(pixels))
    faces = decode(1 / (1 + np.exp(-heat)), *others, min_score=0.4)
    expected = decode(*Model(folder).run(image), min_score=0.5)
    assert len(expected) >= 2
    assert iou(expected.boxes, faces.boxes).max(1).min() > 0.9


def test_the_growth_of_the_boxes_is_undone():
    from models.train.face.dequantised import dequantised
    from models.train.face.network import SMALL

    file = models() / "face" / "live" / "model.tflite"
    as_exported, before = (dequantised(file, SMALL, grown).outputs for grown in (0.0, GROWN))
    assert torch.allclose(as_exported[1].bias - before[1].bias, torch.tensor(np.log(1 + 2 * GROWN)).float())
    assert torch.allclose((before[3].bias + GROWN) / (1 + 2 * GROWN), as_exported[3].bias, atol=1e-6)
