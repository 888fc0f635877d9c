"""The mask model, and the rule that says unsure."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge import paths
from edge.classify.mask import MaskClassifier, label, softmax, unsure_below
from edge.crop import crop_face
from edge.data import CLASSES, Frame, Mask
from edge.detect.centerface import CenterFace
from edge.errors import ModelError
from edge.tflite import Model, read_spec
from tests.support import fakes


@pytest.fixture(scope="module")
def classifier():
    return MaskClassifier(Model(paths.models() / "mask"))


@pytest.fixture(scope="module")
def detector():
    return CenterFace(Model(paths.models() / "face" / "quality"))


def judged(classifier, detector, image) -> list[Mask]:
    """Return what is said of the people of a picture, left to right."""
    frame = fakes.frame(image=image)
    boxes = detector.detect(frame).boxes
    boxes = boxes[boxes[:, 0].argsort()]
    return list(classifier.classify(frame, boxes).masks)


def test_softmax_rows_sum_to_one_even_for_huge_logits():
    rows = softmax(np.array([[1000, 0, -1000], [0, 0, 0]], np.float32))
    assert rows.sum(1) == pytest.approx([1, 1])
    assert rows[1] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("row", "legible", "expected"),
    [
        ((0.9, 0.06, 0.04), True, Mask.WITH_MASK),
        ((0.06, 0.9, 0.04), True, Mask.WITHOUT_MASK),
        ((0.06, 0.04, 0.9), True, Mask.INCORRECT_MASK),
        ((0.5, 0.3, 0.2), True, Mask.UNSURE),
        ((0.06, 0.9, 0.04), False, Mask.UNSURE),
    ],
)
def test_the_label_is_the_best_class_where_it_is_sure_and_legible(row, legible, expected):
    assert label(np.array([row], np.float32), [legible], 0.6) == (expected,)


def test_only_what_has_no_mask_is_unsure_where_the_detector_is():
    masks = [Mask.WITHOUT_MASK, Mask.WITHOUT_MASK, Mask.WITH_MASK, Mask.INCORRECT_MASK, Mask.UNSURE]
    given = fakes.verdicts(*masks)
    verdicts = unsure_below(given, np.array([0.4, 0.39, 0.1, 0.1, 0.9], np.float32), 0.4)
    assert verdicts.masks == (Mask.WITHOUT_MASK, Mask.UNSURE, *masks[2:])
    assert (verdicts.probabilities == given.probabilities).all()


class Rejecting:
    """A model with four outputs that gives each crop the logits of its brightness."""

    size_px = (8, 8)

    def __init__(self, logits: dict[int, tuple[float, ...]], **changes: object) -> None:
        spec = read_spec(paths.models() / "mask")
        four = {"labels": (*(mask.value for mask in CLASSES), "no_face"), "temperature": 1.0}
        limits = {"confidence": 0.5, "face_px": 12.0, "brightness": 12.0, "contrast": 0.0, "no_face": 0.9}
        output = (spec.output[0].model_copy(update={"shape": (1, 1, 1, 4)}),)
        self.spec = spec.model_copy(update={**four, "thresholds": limits, "output": output, **changes})
        self._logits = logits

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        return [np.array(self._logits[int(image.mean())], np.float32).reshape(1, 1, 1, -1)]


LAMP, PERSON = 50, 200
BARE_OR_LAMP = {LAMP: (0.0, 5.0, 0.0, 9.0), PERSON: (0.0, 5.0, 0.0, 6.0)}


def two_places() -> tuple[Frame, np.ndarray]:
    image = np.full((40, 80, 3), LAMP, np.uint8)
    image[:, 40:] = PERSON
    return fakes.frame(image=image), np.array([[10, 10, 30, 30], [50, 10, 70, 30]], np.float32)


def test_what_is_surely_no_face_is_rejected_and_the_probabilities_are_of_the_three_classes():
    verdicts = MaskClassifier(Rejecting(BARE_OR_LAMP)).classify(*two_places())
    assert verdicts.rejected == {0}
    assert verdicts.masks == (Mask.UNSURE, Mask.WITHOUT_MASK)
    assert verdicts.probabilities.sum(1) == pytest.approx([1, 1])
    assert (verdicts.probabilities[0] == verdicts.probabilities[1]).all()


def test_what_cannot_be_judged_is_not_rejected_either():
    frame, boxes = two_places()
    boxes = np.stack([boxes[0], [10, 10, 20, 20]]).astype(np.float32)
    verdicts = MaskClassifier(Rejecting(BARE_OR_LAMP)).classify(frame, boxes)
    assert verdicts.rejected == {0}


def test_a_verdict_made_unsure_by_the_detector_stays_rejected():
    verdicts = MaskClassifier(Rejecting(BARE_OR_LAMP)).classify(*two_places())
    assert unsure_below(verdicts, np.zeros(2, np.float32), 0.4).rejected == {0}


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ("with_mask", "without_mask", "incorrect_mask")},
        {"labels": ("without_mask", "with_mask", "incorrect_mask", "no_face")},
        {"labels": ()},
        {"thresholds": {"confidence": 0.5}},
    ],
)
def test_a_model_whose_labels_are_not_those_of_its_outputs_is_refused(changes):
    with pytest.raises(ModelError, match=r"model masknet: (labels|thresholds\.no_face)"):
        MaskClassifier(Rejecting({}, **changes))


def test_a_face_is_cut_as_the_model_was_trained_on_it():
    model = Model(paths.models() / "mask")
    seen = model.spec.input.model_copy(update={"crop_margin": 0.1, "crop_shift": 0.3})
    model.spec = model.spec.model_copy(update={"input": seen})
    image = np.random.default_rng(1).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    box = np.array([60, 40, 120, 110], np.float32)
    expected = crop_face(image, box, size_px=model.size_px[0], margin=0.1, shift=0.3)
    assert (MaskClassifier(model).crop(image, box) == expected).all()


def test_no_boxes_get_no_verdicts(classifier):
    assert len(classifier.classify(fakes.frame(), np.zeros((0, 4), np.float32))) == 0


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (11.0, [Mask.INCORRECT_MASK, Mask.WITH_MASK]),
        (20.0, [Mask.WITH_MASK, Mask.WITHOUT_MASK]),
    ],
)
def test_the_people_of_the_demo_are_judged_rightly(classifier, detector, demo_scenes, at, expected):
    assert judged(classifier, detector, demo_scenes[at].copy()) == expected


@pytest.mark.parametrize("change", ["grey", "swapped"])
def test_it_is_the_mask_that_is_seen_not_its_colour(classifier, detector, demo_scenes, change):
    image = demo_scenes[20.0]
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    changed = grey if change == "grey" else np.ascontiguousarray(image[..., ::-1])
    assert judged(classifier, detector, changed) == [Mask.WITH_MASK, Mask.WITHOUT_MASK]


def test_faces_too_small_too_dark_or_without_contrast_are_unsure(classifier, detector, demo_scenes):
    image = demo_scenes[20.0]
    frame = fakes.frame(image=image.copy())
    boxes = detector.detect(frame).boxes
    tiny = np.concatenate([boxes[:, :2], boxes[:, :2] + 8], 1)
    assert set(classifier.classify(frame, tiny).masks) == {Mask.UNSURE}
    dark = fakes.frame(image=(image * 0.05).astype(np.uint8))
    assert set(classifier.classify(dark, boxes).masks) == {Mask.UNSURE}
    flat = fakes.frame(image=np.full_like(image, 127))
    assert set(classifier.classify(flat, boxes).masks) == {Mask.UNSURE}


def test_a_mirrored_box_is_classified_as_in_the_mirrored_image(classifier, demo_scenes):
    image = demo_scenes[20.0]
    frame, boxes = fakes.frame(image=image), np.array([[180, 260, 280, 380], [600, 250, 690, 360]], np.float32)
    turned = boxes.copy()
    turned[:, [0, 2]] = image.shape[1] - boxes[:, [2, 0]]
    plain = classifier.classify(frame, boxes).probabilities
    other = classifier.classify(fakes.frame(image=np.ascontiguousarray(image[:, ::-1])), turned).probabilities
    mixed = classifier.classify(frame, boxes, [False, True]).probabilities
    assert mixed[0] == pytest.approx(plain[0])
    assert mixed[1] == pytest.approx(other[1])
    assert abs(plain[1] - other[1]).max() > 1e-4
