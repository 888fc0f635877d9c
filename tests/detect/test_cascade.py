"""The detector of two: what counts, which box it gets, and how often a place is verified."""

from __future__ import annotations

import numpy as np
import pytest

from edge.boxes import iou
from edge.data import Faces
from edge.detect.cascade import Cascade, CascadeRule, Doubt, Verifier, for_camera
from tests.support import fakes

BOX = (200.0, 100.0, 240.0, 150.0)
OTHER = (400.0, 100.0, 440.0, 150.0)
RULE = CascadeRule(min_score=0.3, per_frame=4)
POINTS = np.array([[30, 40], [70, 40], [50, 50], [35, 60], [65, 60]], np.float32)
"""Five landmarks in pixels of the second model's input."""


class First:
    """A detector that proposes given boxes."""

    def __init__(self, *boxes: tuple[float, float, float, float], score: float = 0.64) -> None:
        self.boxes = list(boxes)
        self.scores = [score] * len(boxes)

    def detect(self, _frame):
        return Faces(np.array(self.boxes, np.float32).reshape(-1, 4), np.array(self.scores, np.float32))


class Second:
    """A verifier that finds `box` in every square with `score`, keeps what it saw, and may change its mind."""

    def __init__(self, score: float = 0.36, box: tuple[float, float, float, float] = (30, 25, 70, 75)) -> None:
        self.score = score
        self.box = box
        self.seen: list[np.ndarray] = []

    def detect(self, frame):
        self.seen.append(frame.image)
        found = np.array([self.box], np.float32)[: 1 if self.score else 0]
        return Faces(found, np.full(len(found), self.score, np.float32), POINTS[None][: len(found)])


def cascade(first, second, rule: CascadeRule = RULE) -> Cascade:
    """Return a cascade whose verifier sees twice the proposed box at 100 px."""
    return Cascade(first, Verifier(second, 2.0, 100), rule)


def frame(at: float = 0.0):
    """Return a frame whose red is the column and whose green is the row, in steps of four pixels."""
    rows, columns = np.mgrid[:240, :480]
    image = np.stack([np.zeros_like(rows), rows // 4, columns // 4], 2).astype(np.uint8)
    return fakes.frame(at=at, image=image)


def test_the_score_is_the_geometric_mean_of_both():
    faces = cascade(First(BOX, score=0.64), Second(0.36), RULE).detect(frame())
    assert faces.scores == pytest.approx([0.48])


@pytest.mark.parametrize(("second", "faces"), [(0.15, 1), (0.13, 0), (0.0, 0)])
def test_a_face_needs_the_minimum_of_the_joint_score(second, faces):
    assert len(cascade(First(BOX, score=0.64), Second(second), RULE).detect(frame())) == faces


def test_the_second_model_sees_the_square_about_the_proposal():
    second = Second()
    cascade(First(BOX), second, RULE).detect(frame())
    (image,) = second.seen
    assert image.shape == (100, 100, 3)
    assert image[50, 50].tolist() == pytest.approx([0, 125 // 4, 220 // 4], abs=1)
    assert image[0, 0].tolist() == pytest.approx([0, 75 // 4, 170 // 4], abs=1)


def test_box_and_landmarks_are_those_of_the_second_model():
    faces = cascade(First(BOX), Second(box=(32, 27, 74, 79)), RULE).detect(frame())
    assert faces.boxes == pytest.approx(np.array([[202, 102, 244, 154]]), abs=1e-3)
    assert faces.landmarks[0] == pytest.approx(POINTS + np.array([170, 75]), abs=1e-3)


@pytest.mark.parametrize("elsewhere", [(0, 0, 30, 30), (70, 25, 110, 75), (45, 45, 55, 55)])
def test_a_face_elsewhere_in_the_square_does_not_verify_the_proposal(elsewhere):
    assert len(cascade(First(BOX), Second(0.9, elsewhere), RULE).detect(frame())) == 0


def test_two_proposals_of_one_face_are_one_face():
    class Nearby(Second):
        def detect(self, frame):
            found = super().detect(frame)
            shift = -20 if len(self.seen) == 2 else 0  # the second square lies 15 px farther right
            return Faces(found.boxes + np.array([shift, 0, shift, 0], np.float32), found.scores, found.landmarks)

    faces = cascade(First(BOX, (215.0, 100.0, 255.0, 150.0)), Nearby(), RULE).detect(frame())
    assert len(faces) == 1


def test_the_best_comes_first_and_no_box_leaves_the_frame():
    first = First(BOX, (440.0, 190.0, 480.0, 240.0), OTHER)
    first.scores = [0.4, 0.9, 0.6]
    faces = cascade(first, Second(box=(20, 20, 80, 90)), RULE).detect(frame())
    assert (np.diff(faces.scores) < 0).all()
    assert faces.boxes[:, 2].max() <= 480
    assert faces.boxes[:, 3].max() <= 240
    assert len(faces) == 3


def test_nothing_proposed_is_nobody():
    second = Second()
    assert len(cascade(First(), second, RULE).detect(frame())) == 0
    assert second.seen == []


def people(number: int) -> list[tuple[float, float, float, float]]:
    """Return boxes that do not overlap."""
    return [(20.0 + 45 * k, 100.0, 50.0 + 45 * k, 140.0) for k in range(number)]


def test_files_have_every_proposal_verified_in_every_frame_and_nothing_remembered():
    second = Second()
    detector = cascade(First(*people(9)), second, RULE)
    for k in range(3):
        assert len(detector.detect(frame(k / 10))) == 9
    assert len(second.seen) == 27
    second.score = 0
    assert len(detector.detect(frame(0.3))) == 0


class Camera:
    """A cascade that watches a camera: calls it, and counts the verifications of each frame."""

    def __init__(self, first: First, second: Second | None = None, rule: CascadeRule = RULE) -> None:
        self.first = first
        self.second = second or Second()
        self.detector = for_camera(cascade(self.first, self.second, rule))

    def propose(self, boxes: list[tuple[float, float, float, float]]) -> None:
        """Let the first detector propose these boxes from now on."""
        self.first.boxes, self.first.scores = boxes, [0.64] * len(boxes)

    def at(self, at: float) -> tuple[int, int]:
        """Return the number of faces and of verifications in the frame at a time."""
        before = len(self.second.seen)
        found = len(self.detector.detect(frame(at)))
        return found, len(self.second.seen) - before


def test_a_place_that_passed_twice_is_verified_again_after_a_second():
    camera = Camera(First(BOX))
    assert [camera.at(at) for at in (0.0, 0.2, 0.4, 0.8, 1.1, 1.3, 1.5)] == [
        (1, 1),
        (1, 1),
        (1, 0),
        (1, 0),
        (1, 0),
        (1, 1),
        (1, 0),
    ]


def test_a_place_that_fails_is_no_face_and_must_pass_twice_again():
    camera = Camera(First(BOX))
    camera.at(0.0)
    camera.at(0.2)
    camera.second.score = 0.05
    assert camera.at(0.4) == (1, 0)
    assert camera.at(1.3) == (0, 1)
    assert camera.at(1.5) == (0, 1)
    camera.second.score = 0.5
    assert [camera.at(at) for at in (1.7, 1.9, 2.1)] == [(1, 1), (1, 1), (1, 0)]


def test_a_frame_has_no_more_verifications_than_the_rule_allows_and_the_rest_is_no_face():
    camera = Camera(First())
    camera.at(0.0)
    camera.propose(people(9))
    assert camera.at(1 / 15) == (4, 4)
    assert camera.at(2 / 15) == (4, 4)


@pytest.mark.parametrize(("pause_s", "verified"), [(1 / 30, 2), (1 / 15, 2), (1 / 10, 3), (1 / 5, 6), (1.0, 6)])
def test_a_slower_loop_verifies_as_many_per_second_up_to_three_times_as_many_per_frame(pause_s, verified):
    camera = Camera(First(), rule=CascadeRule(0.3, per_frame=2))
    camera.at(5.0)
    camera.propose(people(9))
    assert camera.at(5.0 + pause_s) == (verified, verified)


def test_a_single_frame_verifies_three_times_as_many():
    assert Camera(First(*people(9)), rule=CascadeRule(0.3, per_frame=2)).at(0.0) == (6, 6)


def test_everybody_has_a_turn_the_longest_wait_first():
    camera = Camera(First())
    camera.at(0.0)
    camera.propose(people(9))
    found = [camera.at(k / 15) for k in range(1, 6)]
    assert [verified for _, verified in found] == [4, 4, 4, 4, 2]
    assert found[-1][0] == 9


def test_of_those_that_wait_alike_the_best_score_is_verified_first():
    first = First(BOX, OTHER)
    first.scores = [0.5, 0.8]
    camera = Camera(first, rule=CascadeRule(0.3, per_frame=1))
    boxes = camera.detector.detect(frame()).boxes
    assert iou(boxes, np.array([OTHER], np.float32)).max() > 0.5


def test_places_that_fail_do_not_keep_a_newcomer_waiting():
    camera = Camera(First(*people(8), score=0.9), Second(0.01))
    camera.at(0.0)
    camera.at(0.1)
    camera.first.boxes.append((400.0, 100.0, 430.0, 140.0))
    camera.first.scores.append(0.4)
    camera.second.score = 0.5
    faces = camera.detector.detect(frame(0.2))
    assert any(box[0] > 380 for box in faces.boxes.tolist())


def test_what_a_trusted_face_got_moves_along_with_its_place():
    camera = Camera(First(BOX), Second(box=(32, 27, 74, 79)))
    camera.at(0.0)
    camera.at(0.1)
    camera.first.boxes = [tuple(np.array(BOX) + 10)]
    faces = camera.detector.detect(frame(0.2))
    assert len(camera.second.seen) == 2
    assert faces.boxes == pytest.approx(np.array([[212, 112, 254, 164]]), abs=1e-3)
    assert faces.landmarks[0] == pytest.approx(POINTS + np.array([180, 85]), abs=1e-3)


def test_somebody_who_walks_stays_at_one_place():
    camera = Camera(First(BOX))
    verified = 0
    for k in range(8):
        camera.first.boxes = [(200.0 + 8 * k, 100.0, 240.0 + 8 * k, 150.0)]
        found, more = camera.at(k / 10)
        assert found == 1
        verified += more
    assert verified == 2


def test_another_place_is_verified_at_once():
    camera = Camera(First(BOX))
    camera.at(0.0)
    camera.at(0.1)
    camera.first.boxes = [OTHER]
    assert camera.at(0.2) == (1, 1)


def test_a_place_without_a_proposal_is_forgotten_after_a_second():
    camera = Camera(First(BOX))
    camera.at(0.0)
    camera.at(0.1)
    camera.first.boxes, camera.first.scores = [], []
    assert camera.at(0.2) == (0, 0)
    camera.first.boxes, camera.first.scores = [BOX], [0.64]
    assert camera.at(0.4) == (1, 0)
    camera.first.boxes, camera.first.scores = [], []
    camera.at(0.5)
    camera.first.boxes, camera.first.scores = [BOX], [0.64]
    assert camera.at(1.9) == (1, 1)
    assert camera.at(2.0) == (1, 1)


def test_a_detector_of_one_model_watches_as_it_is():
    first = First(BOX)
    assert for_camera(first) is first


def doubtful(larger: Second, *, per_frame: int = 2) -> CascadeRule:
    """Return a rule by which a joint score from .4 to below .6 is in doubt, and `larger` decides at 50 px."""
    return CascadeRule(0.3, 4, Doubt(0.4, 0.6, Verifier(larger, 2.0, 50), per_frame))


HALF = (15.0, 12.5, 35.0, 37.5)
"""The proposal, as the larger verifier of these tests sees it."""


@pytest.mark.parametrize(
    ("first_score", "runs"),
    [(0.15, 0), (0.26, 1), (0.55, 1), (0.57, 0)],  # joint scores .31, .408, .593, .604
)
def test_only_a_doubtful_proposal_is_verified_once_more(first_score, runs):
    larger = Second(0.49, HALF)
    faces = cascade(First(BOX, score=0.64), Second(first_score), doubtful(larger)).detect(frame())
    assert len(larger.seen) == runs
    expected = 0.49 if runs else first_score
    assert faces.scores == pytest.approx([(0.64 * expected) ** 0.5])


def test_the_larger_verifier_decides_on_score_and_box():
    larger = Second(0.81, (16, 13.5, 37, 39.5))
    faces = cascade(First(BOX), Second(), doubtful(larger)).detect(frame())
    assert faces.scores == pytest.approx([0.72])
    assert faces.boxes == pytest.approx(np.array([[202, 102, 244, 154]]), abs=1e-3)
    assert larger.seen[0].shape == (50, 50, 3)


@pytest.mark.parametrize("score", [0.0, 0.13])
def test_what_the_larger_verifier_rejects_is_no_face(score):
    assert len(cascade(First(BOX), Second(), doubtful(Second(score, HALF))).detect(frame())) == 0


def test_a_camera_bounds_the_work_of_doubt_and_the_first_verifier_decides_on_the_others():
    larger = Second(0.0, HALF)
    camera = Camera(First(), rule=doubtful(larger))
    camera.at(0.0)
    camera.propose(people(3))
    assert camera.at(1 / 15) == (1, 3)
    assert len(larger.seen) == 2
    camera = Camera(First(), rule=doubtful(larger, per_frame=1))
    camera.at(0.0)
    camera.propose(people(4))
    assert camera.at(0.2) == (1, 4)
    assert len(larger.seen) == 5


def test_a_proposal_without_doubt_uses_up_none_of_that_work():
    larger = Second(0.81, HALF)
    first = First(*people(4))
    first.scores = [0.999, 0.3, 0.64, 0.64]  # joint scores .600, .329, .48, .48
    camera = Camera(first, Second(0.3605), doubtful(larger))
    assert camera.at(0.0) == (4, 4)
    assert len(larger.seen) == 2
