"""What is no face: weak candidates of the detectors, apart from labelled faces and from what one of them is sure of."""

from __future__ import annotations

import cv2
import numpy as np

from edge.data import Faces as Found
from models.train.backgrounds import backgrounds, candidates
from models.train.sources import NO_FACE
from models.train.store import STORE_PX

IMAGE = np.random.default_rng(1).integers(0, 255, (120, 160, 3)).astype(np.uint8)
NOBODY = np.zeros((0, 4), np.float32)


def finder(*found: tuple[tuple[int, int, int, int], float]):
    """Return a detector that always finds the same boxes with the same scores."""
    boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
    return lambda _image: Found(boxes, np.array([score for _, score in found], np.float32))


def test_a_weak_candidate_is_no_face_and_a_sure_one_may_be_one():
    weak, sure = (10, 10, 30, 30), (60, 60, 90, 90)
    found = candidates(IMAGE, NOBODY, (finder((sure, 0.9), (weak, 0.1)),), 0.25)
    assert found.tolist() == [list(weak)]


def test_what_one_detector_is_sure_of_is_not_taken_from_the_other():
    box, near = (60, 60, 90, 90), (64, 62, 94, 92)
    assert len(candidates(IMAGE, NOBODY, (finder((box, 0.9)), finder((near, 0.1))), 0.25)) == 0


def test_what_touches_a_labelled_face_is_left_alone():
    labelled = np.array([(20, 20, 40, 40)], np.float32)
    assert len(candidates(IMAGE, labelled, (finder(((35, 35, 60, 60), 0.1)),), 0.25)) == 0


def test_one_place_is_taken_once_and_tiny_ones_never():
    found = candidates(
        IMAGE, NOBODY, (finder(((10, 10, 40, 40), 0.2), ((12, 12, 42, 42), 0.1), ((80, 80, 86, 86), 0.2)),), 0.25
    )
    assert found.tolist() == [[10, 10, 40, 40]]


def test_the_crops_have_the_label_of_no_face_and_the_number_of_their_image(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), IMAGE)
    rows = [{"file": "a.png", "boxes": [(0, 0, 50, 50, "with_mask")]}, {"file": "a.png"}]
    some = backgrounds(tmp_path, rows, (finder(((10, 10, 30, 40), 0.1)),), 0.25)
    assert some.labels.tolist() == [NO_FACE]
    assert some.pictures.tolist() == [1]
    assert some.face_px.tolist() == [20]
    assert some.crops.shape == (1, STORE_PX, STORE_PX, 3)
