"""Images stand upright before anything else sees them, whatever they come from."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from edge.capture.preprocess import PreparedCamera, preparation, turned, untouched
from edge.capture.spec import open_source
from edge.data import Frame
from edge.privacy.zones import PrivacyZones
from edge.settings.load import load
from tests.support import fakes
from tests.support.films import X264, film


def camera(*overrides: str):
    return load(overrides=[f"camera.{value}" for value in overrides]).settings.camera


CORNER = np.zeros((36, 64, 3), np.uint8)
CORNER[:18, :32] = 255
"""White in the upper left quarter."""


@pytest.mark.parametrize(
    ("rotate", "flip", "corner", "size_px"),
    [
        (0, "false", "left top", (64, 36)),
        (90, "false", "right top", (36, 64)),
        (180, "false", "right bottom", (64, 36)),
        (270, "false", "left bottom", (36, 64)),
        (0, "true", "right top", (64, 36)),
        (90, "true", "left top", (36, 64)),
        (180, "true", "left bottom", (64, 36)),
    ],
)
def test_an_image_is_turned_clockwise_and_then_mirrored(rotate, flip, corner, size_px):
    image = preparation(camera(f"rotate={rotate}", f"flip={flip}"), untouched)(CORNER.copy())
    width, height = size_px
    assert image.shape == (height, width, 3)
    rows, columns = np.nonzero(image[:, :, 0])
    assert ("left" in corner, "top" in corner) == (columns.max() < width / 2, rows.max() < height / 2)


def test_zones_are_those_of_the_upright_image():
    image = preparation(camera("rotate=180"), PrivacyZones(["0,0 0.5,0 0.5,0.5 0,0.5"]))(CORNER.copy())
    assert (image[20:, 34:] == 255).all()
    image = preparation(camera("rotate=180"), PrivacyZones(["0.5,0.5 1,0.5 1,1 0.5,1"]))(CORNER.copy())
    assert image.max() == 0


def first(source) -> Frame:
    try:
        return next(moment for moment in source if isinstance(moment, Frame))
    finally:
        source.close()


def test_a_video_a_folder_an_image_and_a_live_camera_are_turned_alike(tmp_path, demo_video, demo_picture):
    video = film(demo_video, tmp_path / "v.mp4", *X264, seconds=1)
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos/a.png"), CORNER)
    for source in (video, tmp_path / "photos", demo_picture, "demo"):
        upright = {}
        for rotate in (0, 90):
            settings = camera(f"source={source}", f"rotate={rotate}")
            found = open_source(settings, small_px=(320, 256), stop=threading.Event(), paint=untouched)
            upright[rotate] = first(found).image
        assert upright[90].shape[:2] == upright[0].shape[1::-1]
        if source != "demo":  # whose play goes on between the two
            assert (upright[90] == cv2.rotate(upright[0], cv2.ROTATE_90_CLOCKWISE)).all()


def test_both_sizes_of_a_cameras_image_are_turned():
    small = fakes.picture(90, (64, 48))
    inner = fakes.FakeCamera([fakes.picture(90, (640, 480))])
    read = inner.read
    inner.read = lambda: type(found := read())(found.image, small)
    picture = PreparedCamera(lambda: inner, preparation(camera("rotate=270"), untouched)).read()
    assert picture.image.shape == (640, 480, 3)
    assert picture.small.shape == (64, 48, 3)


def test_four_quarter_turns_are_none():
    image = CORNER
    for _ in range(4):
        image = turned(image, 90)
    assert (image == CORNER).all()
    assert turned(turned(CORNER, 90), 270).shape == CORNER.shape
