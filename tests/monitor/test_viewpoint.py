"""Detection of a moved camera."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.capture.demo import DemoCamera
from edge.monitor.viewpoint import Viewpoint, edges


def moved_after(view: Viewpoint, image: np.ndarray, begin_s: int, seconds: int) -> bool:
    """Show one image for a while, and return the result at the end."""
    return [view.moved(image, float(at)) for at in range(begin_s, begin_s + seconds)][-1]


def turned(image: np.ndarray, share: float) -> np.ndarray:
    """Return what a camera turned aside by a share of the width would see."""
    move = np.array([[1, 0, share * image.shape[1]], [0, 1, 0]], np.float32)
    return cv2.warpAffine(image, move, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def test_people_who_come_and_go_move_nothing():
    camera, view = DemoCamera(), Viewpoint(patience_s=10)
    assert not any(view.moved(camera.scene(at % 36), float(at)) for at in range(600))


@pytest.mark.parametrize("share", [0.2, 0.25, 0.5])
def test_a_camera_turned_aside_is_found_after_its_patience(demo_scenes, share):
    view = Viewpoint(patience_s=60)
    assert not moved_after(view, demo_scenes[20.0], 0, 30)
    assert not moved_after(view, turned(demo_scenes[20.0], share), 30, 55)
    assert moved_after(view, turned(demo_scenes[20.0], share), 85, 20)


def test_a_bus_before_the_lens_for_a_minute_moves_nothing(demo_scenes):
    view = Viewpoint(patience_s=180)
    moved_after(view, demo_scenes[20.0], 0, 30)
    assert not moved_after(view, np.full_like(demo_scenes[20.0], 90), 30, 60)
    assert not moved_after(view, demo_scenes[20.0], 90, 400)


def test_dusk_moves_nothing(demo_scenes):
    view, dice = Viewpoint(patience_s=20), np.random.default_rng(1)
    for at in range(600):
        light = 1 - 0.8 * at / 600
        dim = demo_scenes[20.0] * light + dice.normal(0, 2, demo_scenes[20.0].shape)
        assert not view.moved(np.clip(dim, 0, 255).astype(np.uint8), float(at))


def test_turned_back_it_is_well_again(demo_scenes):
    view = Viewpoint(patience_s=10)
    moved_after(view, demo_scenes[20.0], 0, 30)
    assert moved_after(view, turned(demo_scenes[20.0], 0.3), 30, 30)
    assert not moved_after(view, demo_scenes[20.0], 60, 4)


def test_a_new_place_is_the_right_one_after_a_day(demo_scenes):
    view = Viewpoint(patience_s=10)
    moved_after(view, demo_scenes[20.0], 0, 30)
    new = turned(demo_scenes[20.0], 0.3)
    assert moved_after(view, new, 30, 30)
    assert not moved_after(view, new, 86_500, 30)


@pytest.mark.parametrize("size", [(1, 1), (2, 500), (500, 2), (6000, 40)])
def test_pictures_of_any_size_have_edges(size):
    assert np.isfinite(edges(np.zeros((size[1], size[0], 3), np.uint8))).all()
