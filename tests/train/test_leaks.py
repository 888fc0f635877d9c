"""Training faces that are also in a test source are found, however they were saved, and left out of training."""

from __future__ import annotations

import json

import cv2
import numpy as np

from models.train.leaks import clean, pairs
from models.train.mask.augment import compressed
from tests.support.people import faces, stored_face


def copied(crop: np.ndarray) -> np.ndarray:
    """Return the crop as a website might store it: smaller, brighter, compressed."""
    small = cv2.resize(cv2.resize(crop, (70, 70), interpolation=cv2.INTER_AREA), crop.shape[:2])
    return compressed(np.clip(small * 1.15 + 8, 0, 255).astype(np.uint8), np.random.default_rng(1))


def test_a_copy_of_a_face_is_found_and_another_person_is_not():
    (first, points), (second, others) = stored_face(0), stored_face(1)
    found = pairs(faces(copied(first), landmarks=points), faces(first, landmarks=points))
    assert [hit[1:] for hit in found] == [(0, 0)]
    assert pairs(faces(second, landmarks=others), faces(first, landmarks=points)) == []


def test_the_same_face_with_other_surroundings_is_not_a_copy():
    crop, points = stored_face(0)
    elsewhere = np.random.default_rng(3).integers(0, 255, (4, 4, 3)).astype(np.uint8)
    elsewhere = cv2.resize(elsewhere, crop.shape[:2], interpolation=cv2.INTER_CUBIC)
    left, top = points.min(0).round().astype(int) - 18
    right, bottom = points.max(0).round().astype(int) + 18
    elsewhere[top:bottom, left:right] = crop[top:bottom, left:right]
    here = faces(crop, landmarks=points)
    assert len(pairs(faces(copied(crop), landmarks=points), here)) == 1
    assert pairs(faces(elsewhere, landmarks=points), here) == []


def test_the_faces_found_are_not_trained_on(tmp_path):
    crop, landmarks = stored_face(0)
    faces(crop, crop[:, ::-1], crop, landmarks=landmarks).save(tmp_path / "crops" / "scenes_andrewmvd.npz")
    assert len(clean(tmp_path, "scenes_andrewmvd")) == 3
    (tmp_path / "leaks.json").write_text(json.dumps({"rows": {"scenes_andrewmvd": [0, 2]}}))
    left = clean(tmp_path, "scenes_andrewmvd")
    assert len(left) == 1
    assert (left.crops[0] == crop[:, ::-1]).all()
