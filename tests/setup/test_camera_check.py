"""The camera check of the setup wizard."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.preprocess import turned, untouched
from edge.errors import CameraError, InputError
from edge.monitor.lens import LensState
from edge.privacy.zones import PrivacyZones
from edge.settings.load import load
from edge.setup.camera_check import check_camera, check_frame, upright_by
from edge.stages import load_models
from tests.support import fakes

SETTINGS = load(system_file=Path("/nonexistent")).settings


@pytest.fixture(scope="module")
def detector():
    return load_models(SETTINGS, profile="quality").detector


def check(detector, image):
    return check_frame(fakes.frame(image=np.ascontiguousarray(image)), 10.0, detector)


def test_a_good_image_needs_no_advice(detector, demo_scenes):
    found = check(detector, demo_scenes[20.0].copy())
    assert found.advice == []
    assert len(found.faces_px) == 2
    assert "960 x 540 pixels, 10 frames per second" in str(found)


@pytest.mark.parametrize(
    ("lens", "spoil", "advice"),
    [
        (LensState.DARK, lambda image: (image * 0.04).astype(np.uint8), "dark"),
        (LensState.BRIGHT, lambda image: np.maximum(image, 245), "overexposed"),
        (LensState.BLURRED, lambda image: cv2.GaussianBlur(image, (0, 0), 8), "blurred"),
    ],
)
def test_a_problem_of_the_lens_is_reported_with_advice(detector, demo_scenes, lens, spoil, advice):
    found = check(detector, spoil(demo_scenes[20.0]))
    assert found.lens is lens
    assert advice in found.advice[0]


@pytest.mark.parametrize(
    ("turned", "degrees"), [(cv2.ROTATE_180, 180), (cv2.ROTATE_90_CLOCKWISE, 270), (cv2.ROTATE_90_COUNTERCLOCKWISE, 90)]
)
def test_a_camera_that_is_mounted_rotated_is_reported_with_the_angle(detector, demo_scenes, turned, degrees):
    found = check(detector, cv2.rotate(demo_scenes[11.0], turned))
    assert found.turned_deg == degrees
    assert f"turned by {degrees}°" in found.advice[0]


def test_small_faces_are_reported(detector, demo_scenes):
    small = cv2.resize(demo_scenes[20.0], None, fx=0.16, fy=0.16, interpolation=cv2.INTER_AREA)
    canvas = cv2.resize(demo_scenes[20.0][:60], (640, 480))
    canvas[200 : 200 + small.shape[0], 200 : 200 + small.shape[1]] = small
    found = check(detector, canvas)
    assert found.faces_px
    assert any("faces are small" in line for line in found.advice)


def test_a_file_is_checked_to_its_end(detector, demo_picture):
    camera = SETTINGS.camera.model_copy(update={"source": str(demo_picture)})
    assert check_camera(camera, detector, untouched).size_px == (960, 540)


def test_a_missing_camera_or_file_is_reported_at_once(detector):
    for source, error in (("usb:77", CameraError), ("/nowhere/at/all", InputError)):
        with pytest.raises(error):
            check_camera(SETTINGS.camera.model_copy(update={"source": source}), detector, untouched)


def test_a_privacy_zone_is_not_checked(detector):
    camera = SETTINGS.camera.model_copy(update={"source": "demo"})
    assert check_camera(camera, detector, PrivacyZones(["0,0 1,0 1,1 0,1"])).brightness == 0


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("further", [90, 180, 270])
def test_a_further_rotation_is_upright_also_if_the_image_is_mirrored(rotate, flip, further):
    camera = SETTINGS.camera.model_copy(update={"rotate": rotate, "flip": flip})
    sensor = np.arange(36 * 64 * 3, dtype=np.uint8).reshape(36, 64, 3)
    wanted = turned(turned(sensor, rotate, flip=flip), further)
    assert (turned(sensor, upright_by(camera, further), flip=flip) == wanted).all()
