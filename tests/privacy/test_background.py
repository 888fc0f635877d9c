"""The scene without people is learned from what stays, and never from where somebody is."""

from __future__ import annotations

import numpy as np
import pytest

from edge.data import Faces, Frame, Scene
from edge.privacy.background import BackgroundModel
from tests.support import fakes

SIZE_PX = (320, 180)


def street(seed: int = 0) -> np.ndarray:
    dice = np.random.default_rng(5)
    image = np.kron(dice.integers(40, 200, (9, 16, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def with_person(image: np.ndarray, x: int) -> np.ndarray:
    changed = image.copy()
    changed[60:, x : x + 40] = (30, 220, 240)
    return changed


def scene(image: np.ndarray, at: float, tracks=()) -> Scene:
    return Scene(Frame(image, 0, at=at, read_at=at), Faces.none(), tracks, (), at)


def learned(pictures, tracks=(), *, known_after_s: float = 10.0) -> BackgroundModel:
    empty = BackgroundModel(known_after_s=known_after_s)
    for second, image in enumerate(pictures):
        empty.put(scene(image, float(second), tracks))
    return empty


def test_before_anything_is_known_the_whole_picture_may_show_somebody():
    assert BackgroundModel().differs(street()).all()
    assert learned([street(k) for k in range(8)]).differs(street()).all()


def test_a_scene_that_stays_is_known_and_a_person_in_it_differs():
    empty = learned([street(k) for k in range(15)])
    assert empty.differs(street(99)).mean() < 0.01
    seen = empty.differs(with_person(street(99), 100))
    assert seen[35:, 52:68].mean() > 0.9
    assert seen[:, :40].mean() < 0.01


def test_people_who_walk_by_do_not_become_background():
    passing = [with_person(street(k), 20 * (k % 12)) for k in range(60)]
    assert learned(passing).differs(with_person(street(), 100))[35:, 52:68].mean() > 0.9


def test_a_detected_person_who_stands_still_never_becomes_background():
    track = fakes.Track(1, (105, 60, 135, 90), 0, 0.0, 0.0)
    waiting = [with_person(street(k), 100) for k in range(100)]
    assert learned(waiting, (track,)).differs(with_person(street(), 100))[35:, 52:68].mean() > 0.9


def test_an_undetected_person_who_stands_still_becomes_background():
    """As the data sheet states: a person who is not detected and does not move for ten minutes becomes background."""
    waiting = [with_person(street(k), 100) for k in range(30)]
    assert learned(waiting).differs(with_person(street(), 100)).mean() < 0.01


def test_daylight_that_changes_slowly_is_followed():
    dusk = [np.clip(street(k).astype(float) - k / 10, 0, 255).astype(np.uint8) for k in range(400)]
    assert learned(dusk).differs(dusk[-1]).mean() < 0.02


def test_a_jump_of_the_light_makes_everything_differ():
    bright = np.clip(street().astype(int) + 40, 0, 255).astype(np.uint8)
    assert learned([street(k) for k in range(15)]).differs(bright).mean() > 0.95


@pytest.mark.parametrize("size_px", [(320, 180), (1280, 720), (640, 480), (100, 60)])
def test_any_image_size_works_and_another_size_starts_again(size_px):
    empty = learned([street(k) for k in range(15)])
    image = fakes.picture(90, size_px)
    empty.put(scene(image, 100.0))
    assert empty.differs(image).all()
