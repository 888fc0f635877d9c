"""Averages of faces are recognised by their symmetry, and left out of a source that has some."""

from __future__ import annotations

import json

import numpy as np

from models.train.leaks import clean
from models.train.likeness import symmetry
from tests.support.people import faces, stored_face

FRONTAL = np.array([[44, 50], [84, 50], [64, 72], [48, 90], [80, 90]], np.float32)


def mirrored() -> np.ndarray:
    """Return the crop of a face whose right half is its left half, as the average of many faces nearly is."""
    crop, _ = stored_face(0)
    half = crop[:, : crop.shape[1] // 2]
    return np.concatenate([half, half[:, ::-1]], 1)


def test_a_face_that_equals_its_mirror_image_is_symmetric_and_a_photograph_is_not():
    crop, _ = stored_face(0)
    average, photograph = (symmetry(faces(image, landmarks=FRONTAL))[0] for image in (mirrored(), crop))
    assert average > 0.88
    assert photograph < 0.8


def test_a_face_without_landmarks_is_not_taken_for_an_average():
    assert symmetry(faces(mirrored(), landmarks=np.full((5, 2), np.nan, np.float32))).tolist() == [0]


def test_averages_are_left_out_of_the_source_that_has_some_and_of_no_other(tmp_path):
    crop, _ = stored_face(0)
    both = faces(mirrored(), crop, landmarks=FRONTAL)
    for name in ("crops_techyhoney", "crops_chandrikadeb7"):
        both.save(tmp_path / "crops" / f"{name}.npz")
    (tmp_path / "leaks.json").write_text(json.dumps({"rows": {}}))
    assert clean(tmp_path, "crops_techyhoney").pictures.tolist() == [1]
    assert clean(tmp_path, "crops_chandrikadeb7").pictures.tolist() == [0, 1]
