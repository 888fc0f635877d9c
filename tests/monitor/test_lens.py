"""Whether the lens sees."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.data import Mask
from edge.monitor.lens import LensHealth, LensState, lens_state
from tests.support import fakes

DICE = np.random.default_rng(5)


def noisy(image: np.ndarray, sigma: float = 3.0) -> np.ndarray:
    return np.clip(image + DICE.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def night() -> np.ndarray:
    """Return a dark street with a few lamps and lit windows."""
    image = np.full((540, 960, 3), 9.0)
    for x, y in ((120, 90), (480, 60), (820, 110), (300, 300), (700, 280)):
        cv2.circle(image, (x, y), 14, (170, 200, 230), cv2.FILLED)
        cv2.rectangle(image, (x, y + 60), (x + 50, y + 110), (60, 90, 110), cv2.FILLED)
    return image


@pytest.mark.parametrize("at", [4.0, 11.0, 15.0, 20.0])
def test_a_street_by_day_is_seen(demo_scenes, at):
    assert lens_state(demo_scenes[at]) is LensState.OK


def test_a_noisy_street_by_night_is_seen():
    assert lens_state(noisy(night(), 6)) is LensState.OK


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.zeros((540, 960, 3)), LensState.DARK),
        (np.full((540, 960, 3), 16.0), LensState.DARK),
        (np.full((540, 960, 3), 250.0), LensState.BRIGHT),
        (np.full((540, 960, 3), 120.0), LensState.OK),
    ],
)
def test_black_covered_and_white_images_are_distinguished_from_fog(image, expected):
    assert lens_state(noisy(image)) is expected


@pytest.mark.parametrize("sigma", [8, 12, 25])
def test_a_lens_out_of_focus_is_found(demo_scenes, sigma):
    assert lens_state(noisy(cv2.GaussianBlur(demo_scenes[20.0], (0, 0), sigma))) is LensState.BLURRED


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (8000, 20)])
def test_images_of_any_size_can_be_checked(size):
    assert lens_state(fakes.picture(100, size)) is LensState.OK


def put(health: LensHealth, image: np.ndarray, begin_s: float, seconds: float) -> float:
    """Show a picture ten times a second and return when the state changed first."""
    before, changed_at = health.state, float("nan")
    for tick in range(round(10 * seconds)):
        at = begin_s + tick / 10
        health.put(fakes.Scene(fakes.frame(at, image=noisy(image)), fakes.faces(), (), (), at))
        if health.state is not before and np.isnan(changed_at):
            changed_at = at
    return changed_at - begin_s


def test_a_covered_lens_is_believed_within_ten_seconds_and_so_is_its_return(demo_scenes):
    health = LensHealth(patience_s=3.0, moved_s=180.0)
    put(health, demo_scenes[20.0], 0, 5)
    assert health.state is LensState.OK
    assert put(health, np.zeros((540, 960, 3)), 5, 8) <= 4.0
    assert health.state is LensState.DARK
    assert put(health, demo_scenes[20.0], 13, 8) <= 4.0
    assert health.state is LensState.OK


def test_a_bus_that_hides_the_view_for_two_seconds_is_no_problem(demo_scenes):
    health = LensHealth(patience_s=3.0, moved_s=180.0)
    put(health, demo_scenes[20.0], 0, 5)
    put(health, np.zeros((540, 960, 3)), 5, 2)
    put(health, demo_scenes[20.0], 7, 5)
    assert health.state is LensState.OK


def test_verdicts_are_unsure_from_the_first_bad_picture_on(demo_scenes):
    health = LensHealth(patience_s=3.0, moved_s=180.0)
    classify = health.unsure_while_blind(lambda *_: fakes.verdicts(Mask.WITHOUT_MASK))
    assert classify(fakes.frame(), fakes.faces(), ()).masks == (Mask.WITHOUT_MASK,)
    put(health, np.zeros((540, 960, 3)), 0, 1)
    assert classify(fakes.frame(), fakes.faces(), ()).masks == (Mask.UNSURE,)


def test_an_hour_of_a_noisy_still_scene_raises_nothing(demo_scenes):
    health = LensHealth(patience_s=3.0, moved_s=180.0)
    pool = [noisy(demo_scenes[20.0]) for _ in range(20)]
    for tick in range(7200):
        at = tick / 2
        health.put(fakes.Scene(fakes.frame(at, image=pool[tick % 20].copy()), fakes.faces(), (), (), at))
        assert health.state is LensState.OK


def test_a_moved_lens_is_reported_and_faces_are_still_classified(demo_scenes):
    health = LensHealth(patience_s=3.0, moved_s=5.0)
    put(health, demo_scenes[20.0], 0, 5)
    put(health, np.roll(demo_scenes[20.0], 200, axis=1), 5, 15)
    assert health.state is LensState.MOVED
    classify = health.unsure_while_blind(lambda *_: fakes.verdicts(Mask.WITHOUT_MASK))
    assert classify(fakes.frame(), fakes.faces(), ()).masks == (Mask.WITHOUT_MASK,)
    put(health, demo_scenes[20.0], 20, 8)
    assert health.state is LensState.OK
