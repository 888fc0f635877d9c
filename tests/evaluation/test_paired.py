"""Which faces two sets of models classified correctly, and what an image counts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from rich.progress import Progress

from edge import paths
from edge.data import CLASSES, Faces, Mask, Verdicts
from edge.evaluation.dataset import LABELS, read_dataset
from edge.evaluation.matching import NO_FACE
from edge.evaluation.paired import PairedFaces, pair
from edge.stages import Models
from edge.tflite import read_spec

BARE = LABELS.index("without_mask")


class Boxes:
    """Detector that finds the same boxes in every image."""

    def __init__(self, *boxes):
        self.boxes = np.array(boxes, np.float32).reshape(-1, 4)
        self.calls = 0

    def detect(self, frame):
        self.calls += 1
        return Faces(self.boxes, np.full(len(self.boxes), 0.9, np.float32))


class Answers:
    """Classifier that gives every face the same label."""

    def __init__(self, mask):
        self.mask = mask

    def classify(self, frame, boxes):
        row = [float(one is self.mask) for one in CLASSES]
        return Verdicts(np.array([row] * len(boxes), np.float32).reshape(-1, 3), (self.mask,) * len(boxes))


def models(detector, mask, version="1"):
    specs = {
        "face": read_spec(paths.models() / "face" / "live").model_copy(update={"version": version}),
        "mask": read_spec(paths.models() / "mask"),
    }
    return Models(detector, Answers(mask), specs, (320, 320))


@pytest.fixture
def scenes(tmp_path):
    """Return a dataset of two scenes, the second one darker; a bare face in each, and nobody else."""
    lines = []
    for number, grey in enumerate((200, 50)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((200, 300, 3), grey, np.uint8))
        lines.append(f'{{"file": "{number}.png", "boxes": [[10, 10, 50, 50, "without_mask"]]}}')
    (tmp_path / "boxes.jsonl").write_text("\n".join(lines))
    return read_dataset(tmp_path)


def paired(dataset, champion, challenger):
    with Progress(disable=True) as progress:
        return pair(dataset, champion, challenger, progress, pytest.fail)


def test_each_labelled_face_has_what_both_models_made_of_it(scenes):
    detector = Boxes((10, 10, 60, 60))
    faces = paired(scenes, models(detector, Mask.WITHOUT_MASK), models(detector, Mask.WITH_MASK))
    assert faces.correct.tolist() == [[True, False], [True, False]]
    assert faces.label.tolist() == [BARE, BARE]
    assert faces.differences().tolist() == [-1.0, -1.0]
    assert detector.calls == 2, "the same detector finds the faces of an image once"


def test_another_detector_finds_its_own_faces(scenes):
    champion = models(Boxes((10, 10, 60, 60)), Mask.WITHOUT_MASK)
    challenger = models(Boxes(), Mask.WITHOUT_MASK, version="2")
    assert paired(scenes, champion, challenger).correct.tolist() == [[True, False], [True, False]]


def test_a_false_face_that_is_called_bare_is_a_mistake_of_that_model_alone(scenes):
    both = models(Boxes((10, 10, 60, 60)), Mask.WITHOUT_MASK)
    two = models(Boxes((10, 10, 60, 60), (200, 100, 250, 150)), Mask.WITHOUT_MASK, version="2")
    faces = paired(scenes, both, two)
    assert faces.label.tolist() == [BARE, BARE, NO_FACE, NO_FACE]
    assert faces.correct[2:].tolist() == [[True, False], [True, False]]
    assert faces.differences().tolist() == [-0.5, -0.5]
    assert paired(scenes, two, both).differences().tolist() == [0.5, 0.5]


def test_a_false_face_with_a_mask_is_no_mistake(scenes):
    two = models(Boxes((10, 10, 60, 60), (200, 100, 250, 150)), Mask.WITH_MASK)
    assert len(paired(scenes, two, two).label) == 2


def test_faces_are_sliced_by_label_size_and_light(scenes):
    model = models(Boxes((10, 10, 60, 60)), Mask.WITHOUT_MASK)
    slices = paired(scenes, model, model).slices
    named = {name: here.tolist() for name, here in slices.items() if here.any()}
    assert named.keys() >= {"without_mask", "40-80 px", "dark", "bright"}
    assert named["without_mask"] == named["40-80 px"] == [True, True]
    assert (named["bright"], named["dark"]) == ([True, False], [False, True])


def test_an_image_is_one_value_and_a_slice_counts_its_own_faces():
    image = np.array([0, 0, 0, 0, 7])
    correct = np.array([[1, 1], [1, 0], [0, 1], [1, 0], [0, 1]], bool)
    faces = PairedFaces(image, np.zeros(5, int), correct, {})
    assert faces.differences().tolist() == [-0.25, 1.0]
    assert faces.differences(np.array([False, True, False, True, False])).tolist() == [-1.0]


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        PairedFaces(np.zeros(2, int), np.zeros(2, int), np.zeros((3, 2), bool), {})
