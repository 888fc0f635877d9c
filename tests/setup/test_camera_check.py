"""What a short look through a camera says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.preprocess import turned, untouched
from edge.errors import CameraError, InputError
from edge.monitor.lens import Lens
from edge.privacy.zones import PrivacyZones
from edge.settings.load import load
from edge.setup.camera_check import check_camera, seen, upright_by
from edge.stages import load_models
from tests.support import fakes

SETTINGS = load(system_file=Path("/nonexistent")).settings


@pytest.fixture(scope="module")
def detector():
    return load_models(SETTINGS, profile="quality").detector


def look(detector, image):
    return seen(fakes.frame(image=np.ascontiguousarray(image)), 10.0, detector)


def test_a_good_picture_needs_no_advice(detector, demo_scenes):
    found = look(detector, demo_scenes[20.0].copy())
    assert found.advice == []
    assert len(found.faces_px) == 2
    assert "960 x 540 pixels, 10 a second" in str(found)


@pytest.mark.parametrize(
    ("lens", "spoil", "said"),
    [
        (Lens.DARK, lambda image: (image * 0.04).astype(np.uint8), "dark"),
        (Lens.BRIGHT, lambda image: np.maximum(image, 245), "blinded"),
        (Lens.BLURRED, lambda image: cv2.GaussianBlur(image, (0, 0), 8), "blurred"),
    ],
)
def test_a_bad_lens_is_told_with_what_to_do(detector, demo_scenes, lens, spoil, said):
    found = look(detector, spoil(demo_scenes[20.0]))
    assert found.lens is lens
    assert said in found.advice[0]


@pytest.mark.parametrize(
    ("turned", "degrees"), [(cv2.ROTATE_180, 180), (cv2.ROTATE_90_CLOCKWISE, 270), (cv2.ROTATE_90_COUNTERCLOCKWISE, 90)]
)
def test_a_camera_that_hangs_on_its_side_or_head_is_told_how_to_turn(detector, demo_scenes, turned, degrees):
    found = look(detector, cv2.rotate(demo_scenes[11.0], turned))
    assert found.turned_deg == degrees
    assert f"turned by {degrees}°" in found.advice[0]


def test_faces_that_are_too_small_are_told(detector, demo_scenes):
    small = cv2.resize(demo_scenes[20.0], None, fx=0.16, fy=0.16, interpolation=cv2.INTER_AREA)
    canvas = cv2.resize(demo_scenes[20.0][:60], (640, 480))
    canvas[200 : 200 + small.shape[0], 200 : 200 + small.shape[1]] = small
    found = look(detector, canvas)
    assert found.faces_px
    assert any("faces are small" in line for line in found.advice)


def test_a_file_is_looked_through_to_its_end(detector, demo_picture):
    camera = SETTINGS.camera.model_copy(update={"source": str(demo_picture)})
    assert check_camera(camera, detector, untouched).size_px == (960, 540)


def test_what_is_not_there_is_told_at_once(detector):
    for source, error in (("usb:77", CameraError), ("/nowhere/at/all", InputError)):
        with pytest.raises(error):
            check_camera(SETTINGS.camera.model_copy(update={"source": source}), detector, untouched)


def test_what_lies_in_a_zone_is_not_looked_at(detector):
    camera = SETTINGS.camera.model_copy(update={"source": "demo"})
    assert check_camera(camera, detector, PrivacyZones(["0,0 1,0 1,1 0,1"])).brightness == 0


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("further", [90, 180, 270])
def test_what_is_turned_further_stands_upright_also_where_it_is_mirrored(rotate, flip, further):
    camera = SETTINGS.camera.model_copy(update={"rotate": rotate, "flip": flip})
    sensor = np.arange(36 * 64 * 3, dtype=np.uint8).reshape(36, 64, 3)
    wanted = turned(turned(sensor, rotate, flip=flip), further)
    assert (turned(sensor, upright_by(camera, further), flip=flip) == wanted).all()
