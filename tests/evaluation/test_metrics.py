"""What the figures count, shown on hand-made faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.evaluation.dataset import LABELS, Dataset, LabelledImage
from edge.evaluation.matching import MISSED, NO_FACE, UNSURE, matched, outcomes
from edge.evaluation.metrics import (
    average_precision,
    bare_false_faces_per_image,
    by_group,
    by_size,
    calibration_error,
    confusion,
    false_faces_per_image,
    reliability,
    resampled,
    share,
)
from edge.intervals import interval


def labelled(*boxes, complete=True):
    """Return a labelled image; a box is x, y, side, label."""
    corners = np.array([[x, y, x + side, y + side] for x, y, side, _ in boxes], np.float32).reshape(-1, 4)
    return LabelledImage(Path("a.png"), corners, np.array([LABELS.index(box[3]) for box in boxes], np.int64), complete)


def face(x, y, side, label, score=0.9, confidence=0.9, best=None):
    probs = dict.fromkeys(LABELS, (1 - confidence) / 2) | {best or label: confidence}
    return {"box": [x, y, x + side, y + side], "score": score, "label": label, "confidence": confidence, "probs": probs}


def made(*pairs, is_scenes=True):
    """Return the outcomes of (labelled image, faces found) pairs."""
    dataset = Dataset("made", tuple(pair[0] for pair in pairs), is_scenes, "0" * 64)
    return outcomes(dataset, [{"source": "a.png", "faces": pair[1]} for pair in pairs])


def test_each_labelled_box_is_matched_once_by_the_best_box_that_overlaps_it():
    found = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)
    assert matched(found, found[[1]]) == [0, -1, -1]
    assert matched(found, found[:0]) == [-1, -1, -1]
    assert matched(found[:0], found) == []


def test_a_face_is_found_missed_or_false():
    o = made(
        (
            labelled((0, 0, 40, "with_mask"), (100, 0, 40, "without_mask")),
            [face(2, 0, 40, "with_mask"), face(200, 0, 40, "without_mask")],
        )
    )
    assert o.label.tolist() == [0, NO_FACE, 1]
    assert o.verdict.tolist() == [0, 1, MISSED]
    assert o.face.tolist() == [0, NO_FACE, 1]
    assert o.box[2].tolist() == [100, 0, 140, 40]
    assert share("face_recall", o) == share("right_end_to_end", o) == 0.5
    assert share("unmasked_precision", o) == 0
    assert false_faces_per_image(o, 1) == 1


def test_faces_under_sixteen_pixels_are_not_counted():
    small = labelled((0, 0, 15, "with_mask"), complete=True)
    found = [face(0, 0, 15, "without_mask"), face(90, 0, 15, "without_mask")]
    assert len(made((small, found))) == 0


def test_in_an_image_that_is_not_completely_labelled_no_face_is_false():
    assert len(made((labelled(complete=False), [face(0, 0, 40, "without_mask")]))) == 0


def test_faces_are_numbered_over_all_images():
    one = labelled((0, 0, 40, "with_mask"))
    assert made((one, [face(0, 0, 40, "with_mask")]), (one, []), (one, [])).face.tolist() == [0, 1, 2]


def test_the_label_of_an_image_without_boxes_is_that_of_its_largest_face():
    single = LabelledImage(Path("a.png"), np.zeros((0, 4), np.float32), np.array([2]))
    o = made(
        (single, [face(0, 0, 20, "with_mask"), face(50, 0, 60, "incorrect_mask", score=0.5)]),
        (single, []),
        is_scenes=False,
    )
    assert o.verdict.tolist() == [2, MISSED]
    assert share("recall_incorrect_mask", o) == 0.5


def test_an_incorrect_mask_classified_as_none_is_an_error_except_in_the_lenient_figure():
    worn = labelled((0, 0, 40, "incorrect_mask"))
    o = made((worn, [face(0, 0, 40, "without_mask")]))
    assert (share("unmasked_precision", o), share("unmasked_precision_lenient", o)) == (0, 1)


def test_unsure_is_a_verdict_that_the_accuracy_leaves_out():
    bare = labelled((0, 0, 40, "without_mask"))
    o = made(
        (bare, [face(0, 0, 40, "unsure", confidence=0.5, best="without_mask")]),
        (bare, [face(0, 0, 40, "without_mask")]),
    )
    assert o.verdict.tolist() == [UNSURE, 1]
    assert (share("unsure_share", o), share("accuracy_3class_on_judged", o), share("right_end_to_end", o)) == (
        0.5,
        1,
        0.5,
    )
    assert o.best.tolist() == [1, 1]


def test_average_precision_by_hand():
    scene = labelled((0, 0, 40, "with_mask"), (100, 0, 40, "with_mask"), (200, 0, 40, "with_mask"))
    hits = ((0, 0.9), (100, 0.7))
    wrong = ((300, 0.8), (400, 0.6))
    found = [face(x, 0, 40, "with_mask", score) for x, score in hits + wrong]
    o = made((scene, found))
    assert average_precision(o) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)
    assert average_precision(made((scene, []))) == 0


def test_an_image_of_weight_two_counts_like_two_images():
    scene = labelled((0, 0, 40, "with_mask"))
    found = [face(0, 0, 40, "with_mask", 0.6), face(200, 0, 40, "without_mask", 0.7)]
    other = (labelled((0, 0, 40, "without_mask"), (90, 0, 40, "with_mask")), [face(0, 0, 40, "without_mask", 0.65)])
    o = made((scene, found), other)
    twice = made((scene, found), (scene, found), other)
    weights = np.array([2.0, 1.0])[o.image]
    assert average_precision(o, weights) == pytest.approx(average_precision(twice))
    for name in ("right_end_to_end", "unmasked_precision", "face_recall"):
        assert share(name, o, weights) == pytest.approx(share(name, twice))


def test_the_confusion_has_every_label_and_every_verdict():
    o = made(
        (labelled((0, 0, 40, "with_mask")), [face(0, 0, 40, "incorrect_mask")]), (labelled((0, 0, 40, "with_mask")), [])
    )
    counts = confusion(o)
    assert counts["with_mask"] == {"with_mask": 0, "without_mask": 0, "incorrect_mask": 1, "unsure": 0, "missed": 1}
    assert sum(counts["without_mask"].values()) == 0


def counts(figures):
    return figures["faces"], figures["found"], figures["judged_right"]


def test_sizes_use_the_side_of_the_labelled_box():
    o = made((labelled((0, 0, 23, "with_mask"), (100, 0, 24, "with_mask")), [face(98, 0, 30, "with_mask")]))
    assert counts(by_size(o)["16-24"]) == (1, 0, 0)
    assert counts(by_size(o)["24-40"]) == (1, 1, 1)


def test_a_group_counts_its_labelled_faces_whatever_order_they_were_found_in():
    scene = labelled((0, 0, 40, "with_mask"), (100, 0, 40, "without_mask"))
    first = labelled((0, 0, 40, "without_mask"))
    found = [face(100, 0, 40, "without_mask", 0.9), face(0, 0, 40, "with_mask", 0.8), face(300, 0, 40, "with_mask")]
    o = made((first, []), (scene, found))
    groups = by_group(o, {"beard": np.array([True, False, True]), "none": np.zeros(3, bool)})
    assert counts(groups["beard"]) == (2, 1, 1)
    assert groups["beard"]["unmasked_recall"]["value"] == 0.5
    assert groups["none"]["face_recall"]["value"] is None


def test_a_face_found_where_nobody_is_counts_per_image_and_those_called_bare_again():
    nobody = labelled()
    o = made((nobody, [face(0, 0, 40, "with_mask"), face(90, 0, 40, "without_mask")]), (nobody, []))
    assert false_faces_per_image(o, 2) == 1
    assert bare_false_faces_per_image(o, 2) == 0.5
    assert by_group(o, {"frontal": np.zeros(0, bool)})["frontal"]["faces"] == 0


def test_a_face_found_in_an_ignored_region_counts_neither_way():
    scene = replace(labelled((0, 0, 40, "with_mask")), ignored=np.array([[100, 0, 140, 40]], np.float32))
    o = made((scene, [face(102, 0, 40, "without_mask"), face(200, 0, 40, "without_mask")]))
    assert o.box[~o.real][:, 0].tolist() == [200]
    assert share("face_recall", o) == 0


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (0, 0, 0, 1)]
)
def test_wilsons_interval(hits, n, low, high):
    assert interval(hits, n) == pytest.approx((low, high), abs=1e-4)


def test_resampling_gives_the_interval_of_a_mean_and_is_repeatable():
    values = np.array([0.0, 1.0] * 50)

    def mean(weights):
        return float((weights * values).sum() / weights.sum())

    low, high = resampled(mean, 100)
    assert (low, high) == resampled(mean, 100)
    assert (low, high) == pytest.approx((0.4, 0.6), abs=0.02)


def test_confidence_equal_to_the_share_classified_correctly_has_no_calibration_error():
    confidence = np.full(10, 0.8)
    correct = np.array([True] * 8 + [False] * 2)
    assert calibration_error(confidence, correct) == pytest.approx(0)
    assert calibration_error(confidence, np.zeros(10, bool)) == pytest.approx(0.8)
    assert reliability(confidence, correct) == [(pytest.approx(0.8), 0.8, 10)]
    assert calibration_error(np.zeros(0), np.zeros(0, bool)) == 0
