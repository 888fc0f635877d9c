"""Arithmetic on boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.boxes import Letterbox, areas, clip, iou, match, nms, nms_voted, shorter_sides


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (2, 2, 4, 4), 0.04),
        ((5, 5, 5, 5), (5, 5, 5, 5), 0.0),
    ],
)
def test_iou_is_shared_area_over_united_area(a, b, expected):
    assert iou(boxes(a), boxes(b))[0, 0] == pytest.approx(expected, abs=1e-6)


def test_iou_of_no_boxes_has_no_rows():
    assert iou(boxes(), boxes((0, 0, 1, 1))).shape == (0, 1)


def test_inverted_boxes_have_no_area():
    assert areas(boxes((10, 10, 0, 0), (0, 0, 2, 3))).tolist() == [0, 6]


def test_nms_keeps_the_best_of_a_cluster_and_all_that_stand_apart():
    rows = boxes((0, 0, 10, 10), (1, 0, 11, 10), (30, 0, 40, 10))
    assert nms(rows, np.array([0.5, 0.9, 0.7], np.float32), 0.3) == [1, 2]


def test_a_voted_box_is_the_mean_of_its_cluster_by_score():
    rows = boxes((0, 0, 10, 10), (2, 0, 12, 10), (30, 0, 40, 10))
    kept, mean = nms_voted(rows, np.array([0.75, 0.25, 0.7], np.float32), 0.3, 0.5)
    assert kept == [0, 2]
    assert mean.tolist() == [[0.5, 0, 10.5, 10], [30, 0, 40, 10]]


def test_an_overlap_is_matched_before_a_nearer_centre_and_what_remains_by_nearness():
    expected = boxes((0, 0, 10, 10), (40, 0, 50, 10))
    found = boxes((9, 0, 19, 10), (3, 0, 13, 10), (100, 100, 110, 110))
    assert match(expected, found, 0.3) == [(0, 1)], "the second is too far from what remains"
    assert match(expected, boxes((44, 6, 54, 16), (3, 0, 13, 10)), 0.3) == [(0, 1), (1, 0)]


@pytest.mark.parametrize(("first", "second"), [(boxes(), boxes((0, 0, 1, 1))), (boxes((0, 0, 1, 1)), boxes())])
def test_nothing_matches_no_boxes(first, second):
    assert match(first, second, 0.3) == []


def test_clip_cuts_boxes_off_at_the_border():
    assert clip(boxes((-5, -5, 50, 20)), 40, 10).tolist() == [[0, 0, 40, 10]]


def test_shorter_sides_of_no_boxes_are_none():
    assert shorter_sides(boxes()).shape == (0,)
    assert shorter_sides(boxes((0, 0, 4, 9))).tolist() == [4]


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_letterbox_takes_points_there_and_back(width, height):
    letterbox = Letterbox.fit((width, height), 320, 256)
    corner = np.array([width, height], np.float32)
    inside = corner * letterbox.scale
    assert inside[0] <= 320.01
    assert inside[1] <= 256.01
    assert letterbox.undo(inside) == pytest.approx(corner, rel=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (320, 256), (640, 512), (960, 540)])
def test_letterbox_gives_its_size_for_any_picture(size):
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    assert Letterbox.fit(size, 320, 256).apply(picture).shape == (256, 320, 3)


def test_letterbox_pads_with_grey_right_and_below():
    boxed = Letterbox.fit((100, 100), 320, 256).apply(np.zeros((100, 100, 3), np.uint8))
    assert boxed[:, :256].max() == 0
    assert (boxed[:, 256:] == 127).all()
