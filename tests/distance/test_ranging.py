"""The arithmetic of ranging: what follows from geometry alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge.data import Metres, Position
from edge.distance.ranging import PEOPLE_ERROR, RangeFinder, apart, focal_of, fov_of, range_finder_of
from edge.settings.load import load
from edge.settings.schema import Environment
from tests.support.boxes import SIZE_PX, box_at


def range_finder(**changes) -> RangeFinder:
    return RangeFinder(
        **{"focal_widths": 1.0, "focal_error": 0.05, "face_height_m": 0.2, "input_width_px": 640} | changes
    )


@pytest.mark.parametrize(("x_m", "z_m"), [(0.0, 1.0), (0.0, 6.0), (-0.8, 2.0), (2.0, 5.0)])
def test_a_face_of_known_height_is_where_it_is(x_m, z_m):
    position = range_finder().position(box_at(x_m, z_m), SIZE_PX)
    assert position.place_m == pytest.approx((x_m, 0.0, z_m))
    assert position.distance.m == pytest.approx(math.hypot(x_m, z_m))


def test_a_smaller_copy_of_the_image_gives_the_same_place():
    box = box_at(0.7, 3.0)
    half = tuple(v / 2 for v in box)
    whole, small = range_finder().position(box, SIZE_PX), range_finder().position(half, (640, 360))
    assert whole.place_m == pytest.approx(small.place_m)


def test_a_face_that_the_border_cuts_cannot_be_measured():
    assert range_finder().position((100, 0, 200, 80), SIZE_PX) is None
    assert range_finder().position((100, 640, 200, 720), SIZE_PX) is None
    assert range_finder().position((0, 100, 90, 220), SIZE_PX) is not None


def test_the_interval_grows_with_the_distance_and_with_the_errors():
    def width(at_m: float, **changes) -> float:
        metres = range_finder(**changes).position(box_at(0, at_m), SIZE_PX).distance
        return metres.high_m / metres.low_m

    assert width(1) < width(3) < width(6)
    assert width(3) < width(3, focal_error=0.2)
    assert width(3) < width(3, input_width_px=320)


def test_a_bowed_head_opens_the_interval_towards_nearer():
    metres = range_finder().position(box_at(0, 2), SIZE_PX).distance
    assert metres.m / metres.low_m > metres.high_m / metres.m


def test_two_side_by_side_are_hardly_nearer_than_they_seem_but_may_be_farther():
    between = apart(*(range_finder().position(box_at(x, 4.0), SIZE_PX) for x in (-0.5, 0.5)))
    assert between.m == pytest.approx(1.0)
    assert between.m - between.low_m < (between.high_m - between.m) / 2


def test_the_interval_between_two_holds_the_truth_as_often_as_it_says():
    dice, inside = np.random.default_rng(5), 0
    truth, nowhere = ((-0.6, 0.0, 3.0), (0.5, 0.0, 4.0)), Metres(0.0, 0.0, 0.0)
    for _ in range(300):
        seen = [
            Position(tuple(v * scale for v in place), nowhere, error=0.1, focal_error=0.0)
            for place, scale in zip(truth, np.exp(dice.normal(0, 0.1, 2)), strict=True)
        ]
        between = apart(*seen)
        inside += between.low_m <= math.dist(*truth) <= between.high_m
    assert inside >= 0.93 * 300


def test_angle_of_view_and_focal_length_are_two_words_for_one_thing():
    assert focal_of(90) == pytest.approx(0.5)
    assert fov_of(focal_of(66)) == pytest.approx(66)


def test_a_calibrated_focal_length_goes_before_the_angle_of_view():
    settings = load(Environment.DEVELOPMENT, overrides=["distance.focal_widths=1.2"]).settings.distance
    assert range_finder_of(settings, 320).focal_widths == 1.2
    assert range_finder_of(settings.model_copy(update={"focal_widths": 0.0}), 320).focal_widths == pytest.approx(
        0.77, abs=0.01
    )


def test_the_interval_of_a_distance_leaves_out_one_truth_in_forty_above():
    """One in twenty in all; below, the bowed head adds its own."""
    metres = range_finder(focal_error=0.1).position(box_at(0.0, 3.0), SIZE_PX).distance
    spread = math.hypot(PEOPLE_ERROR, 0.1, 0.06)  # of faces, of the focal length, and of the box at 3 m
    truths = metres.m * np.exp(np.random.default_rng(7).normal(0, spread, 20_000))
    assert (truths > metres.high_m).mean() == pytest.approx(0.025, abs=0.01)


def test_a_face_of_less_than_a_pixel_cannot_be_measured():
    assert range_finder().position((100, 100, 101, 100.5), SIZE_PX) is None
    assert range_finder().position((100, 100, 101, 101.5), SIZE_PX) is not None


def test_a_face_above_and_left_of_the_middle_is_there_in_metres():
    left, top, right, bottom = box_at(0.0, 2.0)
    place_m = range_finder().position((left - 320, top - 160, right - 320, bottom - 160), SIZE_PX).place_m
    assert place_m == pytest.approx((-0.5, -0.25, 2.0))


def test_the_interval_between_two_is_no_wider_than_it_says_and_holds_the_error_of_the_lens():
    """One behind the other, so that only depth counts: the lens is wrong for both alike."""
    dice, nowhere = np.random.default_rng(5), Metres(0.0, 0.0, 0.0)
    truth, inside = ((0.0, 0.0, 2.0), (0.0, 0.0, 5.0)), 0
    for _ in range(400):
        lens, *scales = np.exp(dice.normal(0, (0.15, 0.02, 0.02)))
        seen = [
            Position((0.0, 0.0, z * lens * scale), nowhere, error=0.02, focal_error=0.15)
            for (_, _, z), scale in zip(truth, scales, strict=True)
        ]
        between = apart(*seen)
        inside += between.low_m <= 3.0 <= between.high_m
    assert 0.92 * 400 <= inside <= 0.985 * 400


@pytest.mark.parametrize(("tall_px", "spread"), [(60, 0.05), (32, 0.066), (18, 0.11)])
def test_the_error_of_a_box_is_what_was_measured_at_its_height_in_the_input(tall_px, spread):
    """The measurement on 801 faces: 5 % from 40 px on, 6.6 % at 24 to 40 px, 11 % below."""
    tall = tall_px / 640 * SIZE_PX[0]
    error = range_finder().position((600, 300, 600 + tall, 300 + tall), SIZE_PX).error
    assert math.sqrt(error**2 - PEOPLE_ERROR**2) == pytest.approx(spread, rel=0.1)


def sure(*place_m: float, focal_error: float = 0.0) -> Position:
    return Position(place_m, Metres(0.0, 0.0, 0.0), error=0.0, focal_error=focal_error)


def test_a_bowed_head_is_allowed_for_between_two_people_too():
    between = apart(sure(0.0, 0.0, 2.0), sure(0.0, 0.0, 4.0))
    assert between.low_m < 1.8, "the one at 4 m is 6 % nearer where their head is bowed"
    assert between.high_m < 2.4


def test_a_lens_that_is_wrong_by_a_fifth_hardly_changes_a_distance_across_the_image():
    for one, other in (((-0.5, 0.0), (0.5, 0.0)), ((0.0, -0.5), (0.0, 0.5))):
        exact = apart(sure(*one, 3.0), sure(*other, 3.0))
        wide = apart(sure(*one, 3.0, focal_error=0.2), sure(*other, 3.0, focal_error=0.2))
        assert 0.85 < exact.low_m < exact.m == pytest.approx(1.0)
        assert (wide.low_m, wide.high_m) == pytest.approx((exact.low_m, exact.high_m), rel=0.02)
