"""Drawn masks cover the parts of the face that their label implies, and other objects the lower face."""

from __future__ import annotations

import numpy as np
import pytest

from models.train.draw.drawings import RECIPE, at_native, draw_one, drawings
from models.train.draw.masks import draw_mask, skin_colour
from models.train.draw.negatives import KINDS, draw_negative
from models.train.draw.styles import Fit, Make, Style, random_fit, random_style
from models.train.store import as_served
from tests.support.people import faces, stored_face

EYES, NOSE, MOUTH = slice(0, 2), slice(2, 3), slice(3, 5)
COVERED = {
    Fit.RIGHT: (False, True, True),
    Fit.UNDER_NOSE: (False, False, True),
    Fit.CHIN: (False, False, False),
    Fit.FOREHEAD: (False, False, False),
}
ROUNDS = 24


def changed(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> float:
    """Return the share of landmarks around which the image has changed."""
    different = np.abs(before.astype(int) - after.astype(int)).sum(2) > 40
    spots = [different[y - 1 : y + 2, x - 1 : x + 2].mean() > 0.5 for x, y in points.round().astype(int)]
    return float(np.mean(spots))


def drawn_with(fit: Fit, make: Make | None, person: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a face before and after a mask of one fit was drawn on it, and its landmarks."""
    crop, landmarks = stored_face(person)
    rng = np.random.default_rng(seed)
    style = random_style(rng, fit, skin_colour(crop, landmarks), ("surgical", "black", "white"))
    while style.make is Make.CLEAR or (make is not None and style.make is not make):
        style = random_style(rng, fit, skin_colour(crop, landmarks), ("surgical", "black", "white"))
    return crop, draw_mask(crop, landmarks, style, rng), landmarks


@pytest.mark.parametrize("fit", COVERED)
def test_a_mask_covers_the_parts_of_the_face_that_its_fit_implies(fit):
    shares = []
    for seed in range(ROUNDS):
        before, after, landmarks = drawn_with(fit, None, seed % 2, seed)
        # the middle of the mouth: a mask under the nose is highest there, and may leave the corners bare
        parts = landmarks[EYES], landmarks[NOSE], landmarks[MOUTH].mean(0, keepdims=True)
        shares.append([changed(before, after, part) for part in parts])
    assert np.abs(np.mean(shares, 0) - COVERED[fit]).max() < 0.2, np.mean(shares, 0)


@pytest.mark.parametrize("make", [make for make in Make if make is not Make.CLEAR])
def test_every_make_covers_nose_and_mouth_when_worn_correctly(make):
    shares = []
    for seed in range(4):
        before, after, landmarks = drawn_with(Fit.RIGHT, make, seed % 2, seed)
        shares.append(changed(before, after, landmarks[2:]))
    assert np.mean(shares) > 0.8


@pytest.mark.parametrize("make", Make)
def test_a_mask_on_the_forehead_leaves_the_eyes_and_what_is_below_them_bare(make):
    crop, landmarks = stored_face(0)
    style = Style(make=make, fit=Fit.FOREHEAD, top=-2.3, bottom=-1.0, cloth=(20.0, 200.0, 20.0))
    after = draw_mask(crop, landmarks, style, np.random.default_rng(1))
    assert np.abs(after.astype(int) - crop).max() > 60
    assert changed(crop, after, landmarks) == 0


@pytest.mark.parametrize("fit", [Fit.CHIN, Fit.ONE_EAR, Fit.FOREHEAD])
def test_what_is_drawn_off_the_mouth_can_be_worn_there_and_be_seen(fit):
    crop, landmarks = stored_face(0)
    rng = np.random.default_rng(3)
    makes = {random_style(rng, fit, skin_colour(crop, landmarks)).make for _ in range(200)}
    assert Make.CLEAR not in makes
    assert (Make.GAITER in makes) == (fit is not Fit.ONE_EAR)


def test_half_of_the_wrong_fits_are_masks_on_the_chin():
    rng = np.random.default_rng(2)
    share = np.mean([random_fit(rng) is Fit.CHIN for _ in range(2000)])
    assert 0.45 < share < 0.6


@pytest.mark.parametrize("person", [0, 1])
def test_the_crop_as_served_holds_a_mask_that_hangs_below_the_chin(person):
    crop, landmarks = stored_face(person)
    style = Style(fit=Fit.CHIN, top=2.4, bottom=4.2, cloth=(20.0, 200.0, 20.0))
    after = draw_mask(crop, landmarks, style, np.random.default_rng(1))
    whole, served = (
        (np.abs(after.astype(int) - crop).sum(2) > 40).sum(),
        (np.abs(as_served(after, 92).astype(int) - as_served(crop, 92)).sum(2) > 40).sum(),
    )
    assert served > 0.9 * whole


def test_a_party_mask_leaves_the_eyes_bare_and_a_shield_the_mouth():
    crop, landmarks = stored_face(0)
    rng = np.random.default_rng(6)
    parties = [draw_negative(crop, landmarks, "party", rng) for _ in range(ROUNDS)]
    shields = [draw_negative(crop, landmarks, "shield", rng) for _ in range(ROUNDS)]
    assert np.mean([np.abs(image.astype(int) - crop).max() > 60 for image in parties + shields]) > 0.9
    assert np.mean([changed(crop, image, landmarks[EYES]) for image in parties]) < 0.35
    assert np.mean([changed(crop, image, landmarks[MOUTH]) for image in shields]) < 0.35


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"party", "shield"}])
def test_every_other_object_changes_the_lower_face_and_not_the_eyes(kind):
    lower = []
    eyes = []
    for seed in range(ROUNDS):
        crop, landmarks = stored_face(seed % 2)
        after = draw_negative(crop, landmarks, kind, np.random.default_rng(seed))
        lower.append(np.abs(after[60:].astype(int) - crop[60:]).mean())
        eyes.append(changed(crop, after, landmarks[EYES]))
    assert min(lower) > 0.2
    assert np.mean(eyes) < 0.2


def test_a_drawing_has_the_label_of_what_was_drawn():
    crop, landmarks = stored_face(0)
    labels = {"right": {0}, "covered": {0}, "negative": {1}, "wrong": {2}}
    for task in RECIPE:
        drawn = {draw_one(task, crop, landmarks, [], np.random.default_rng(seed))[1] for seed in range(5)}
        assert drawn == labels[task]


def test_the_recipe_sets_the_number_of_drawings_and_the_seed_makes_them_repeatable():
    crop, landmarks = stored_face(1)
    some = faces(crop, crop[:, ::-1], landmarks=landmarks)
    once, again = (drawings(some, [], {"right": 2.0, "wrong": 1.0}, np.random.default_rng(4)) for _ in range(2))
    assert sorted(once.labels.tolist()) == [0, 0, 0, 0, 2, 2]
    assert (once.crops == again.crops).all()
    assert (once.crops != drawings(some, [], {"right": 3.0}, np.random.default_rng(5)).crops[:6]).any()


def test_a_drawing_is_no_sharper_than_the_face_under_it():
    crop, _ = stored_face(0)
    sharp, soft = (np.abs(np.diff(image.astype(int), axis=1)).mean() for image in (crop, at_native(crop, 16.0)))
    assert soft < 0.6 * sharp
    assert (at_native(crop, 200.0) == crop).all()
