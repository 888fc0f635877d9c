"""The conformance kit: it accepts what keeps the contract, and names what breaks it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import edge
from edge import testing
from tests.support import fakes

BOX = [10, 10, 20, 22]


@pytest.fixture(scope="module")
def models() -> edge.Models:
    return edge.load_models(profile="live")


def test_the_detector_and_the_classifier_that_ship_keep_the_contract(models):
    testing.check_detector(models.detector)
    testing.check_classifier(models.classifier)


def test_the_scenes_hold_an_episode_from_start_to_end_and_a_moment_without_a_frame():
    events = [alert.event_type for scene in testing.scenes() for alert in scene.alerts]
    assert (events[0], events[-1]) == (edge.EventType.START, edge.EventType.END)
    assert testing.scenes()[-1].frame is None
    testing.check_sink(fakes.KeepingSink())


class Detects:
    """Detector that returns the same boxes for every frame, and may change the frame's image first."""

    def __init__(self, boxes, scores=(0.9, 0.8), dtype=np.float32, *, paints=False):
        self._boxes = np.array(boxes, dtype).reshape(-1, 4)
        self._scores = np.array(scores[: len(boxes)], np.float32)
        self._paints = paints

    def detect(self, frame):
        if self._paints:
            frame.image.setflags(write=True)
            frame.image[:] = 0
        return edge.Faces(self._boxes, self._scores)


class Restless:
    """Detector whose answer depends on how often it was asked."""

    def __init__(self):
        self._asked = 0

    def detect(self, _frame):
        self._asked += 1
        return edge.Faces(np.array([[0, 0, self._asked, 9]], np.float32), np.ones(1, np.float32))


@pytest.mark.parametrize(
    ("detector", "sentence"),
    [
        (Detects([BOX], dtype=np.float64), "boxes have dtype float64, expected float32"),
        (Detects([[10, 10, float("nan"), 20]]), "boxes hold a value that is not finite"),
        (Detects([[20, 10, 10, 22]]), "a box is empty or is not x1, y1, x2, y2"),
        (Detects([[10, 10, 20, 700]]), "a box is outside the frame of 960 x 540 pixels"),
        (Detects([BOX], scores=(1.5,)), "a score is not within 0 to 1"),
        (Detects([BOX, BOX], scores=(0.1, 0.9)), "the scores are not in order, the best first"),
        (Detects([BOX], paints=True), "detect changed the frame's image"),
        (Restless(), "detect found other boxes in the same frame"),
        (Detects([]), "detect found no face"),
    ],
)
def test_what_a_detector_does_wrong_is_named(detector, sentence):
    with pytest.raises(AssertionError, match=sentence):
        testing.check_detector(detector)


def test_a_detector_need_not_find_a_face_of_the_demo_if_its_author_says_so():
    testing.check_detector(Detects([]), finds=False)


class Classifies:
    """Classifier that gives every box the same row, `extra` rows too many, and may change the frame's image."""

    def __init__(self, row=(0.9, 0.06, 0.04), extra=0, mask=edge.Mask.WITH_MASK, dtype=np.float32, *, paints=False):
        self._row = np.array([row], dtype)
        self._extra = extra
        self._mask = mask
        self._paints = paints

    def classify(self, frame, boxes):
        if self._paints:
            frame.image.setflags(write=True)
            frame.image[:] = 0
        count = len(boxes) + self._extra
        return edge.Verdicts(self._row.repeat(count, 0), (self._mask,) * count)


@pytest.mark.parametrize(
    ("classifier", "sentence"),
    [
        (Classifies(dtype=np.float64), "probabilities have dtype float64, expected float32"),
        (Classifies(row=(0.5, 0.1, 0.1)), "the probabilities of .* do not sum to 1"),
        (Classifies(row=(1.5, -0.25, -0.25)), "a probability is not within 0 to 1"),
        (Classifies(extra=1), "classify returned 5 verdicts for 4 boxes"),
        (Classifies(mask="with_mask"), "a verdict is no edge.Mask"),
        (Classifies(paints=True), "classify changed the frame's image"),
    ],
)
def test_what_a_classifier_does_wrong_is_named(classifier, sentence):
    with pytest.raises(AssertionError, match=sentence):
        testing.check_classifier(classifier)


class Blocks:
    """Sink that waits for an event, in `put` or in `close`."""

    def __init__(self, release, *, in_put):
        self._release = release
        self._in_put = in_put

    def put(self, _scene):
        if self._in_put:
            self._release.wait()

    def close(self):
        self._release.wait()


@pytest.mark.parametrize(("in_put", "name"), [(True, "put"), (False, "close")])
def test_a_sink_that_blocks_is_named(in_put, name):
    release = threading.Event()
    with pytest.raises(AssertionError, match=f"{name} has not returned after 1 s"):
        testing.check_sink(Blocks(release, in_put=in_put), put_s=1.0)
    release.set()


class Paints:
    """Sink that changes the image that all sinks share."""

    def put(self, scene):
        if scene.frame is not None:
            scene.frame.image.setflags(write=True)
            scene.frame.image[0, 0] ^= 1


def test_a_sink_that_changes_the_image_is_named():
    with pytest.raises(AssertionError, match="put changed the image of the scene's frame"):
        testing.check_sink(Paints())
    testing.scenes.cache_clear()


def test_what_a_sink_raises_is_raised():
    class Raises:
        def put(self, scene):
            if scene.frame is None:
                raise KeyError("no frame")

    with pytest.raises(KeyError, match="no frame"):
        testing.check_sink(Raises())
