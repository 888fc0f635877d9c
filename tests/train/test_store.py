"""Stored faces: training uses the same crop as the product."""

from __future__ import annotations

import numpy as np
import pytest

from edge.crop import crop_face
from models.train.store import MARGIN, SHIFT, Faces, as_served, concatenated, stored
from tests.support.people import faces, scene, stored_face


@pytest.mark.parametrize("person", [0, 1])
@pytest.mark.parametrize("size_px", [48, 64])
def test_training_uses_the_crop_of_the_product_in_the_same_colours(person, size_px):
    image, box, landmarks = scene(person)
    product = crop_face(image, box, size_px=size_px, margin=MARGIN, shift=SHIFT)
    training = as_served(stored(image, box, landmarks)[0], size_px)
    apart = difference(training, product)
    assert apart < 12
    assert difference(training[..., ::-1], product) > 3 * apart
    for axis in (0, 1):
        assert min(difference(np.roll(training, way, axis), product) for way in (-3, 3)) > 2 * apart


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean difference in grey levels without the border, where np.roll wraps around."""
    return float(np.abs(first.astype(float) - second)[4:-4, 4:-4].mean())


def test_landmarks_are_converted_to_pixels_of_the_crop():
    image, box, landmarks = scene(1)
    dotted = image.copy()
    for x, y in landmarks.round().astype(int):
        dotted[y - 2 : y + 3, x - 2 : x + 3] = (0, 255, 0)
    crop, points = stored(dotted, box, landmarks)
    for x, y in points.round().astype(int):
        assert (np.abs(crop[y, x].astype(int) - (0, 255, 0)) < 60).all()


def test_a_face_that_was_not_detected_has_no_landmarks():
    image, box, _ = scene(0)
    assert np.isnan(stored(image, box, None)[1]).all()


def test_faces_are_loaded_as_saved_and_their_image_numbers_stay_distinct(tmp_path):
    crop, landmarks = stored_face(0)
    some = faces(crop, crop[:, ::-1], landmarks=landmarks)
    some.save(tmp_path / "new" / "some.npz")
    both = concatenated([Faces.load(tmp_path / "new" / "some.npz"), some.take(np.array([1]))])
    assert (both.crops[2] == crop[:, ::-1]).all()
    assert both.pictures.tolist() == [0, 1, 3]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["some.npz"]


def test_arrays_of_different_lengths_are_refused():
    crop, landmarks = stored_face(0)
    some = faces(crop, landmarks=landmarks)
    with pytest.raises(ValueError, match="differ in number"):
        Faces(some.crops, some.landmarks, np.ones(2, np.int64), some.face_px, some.pictures, some.kinds)
