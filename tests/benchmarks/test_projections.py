"""Projections: what a frame costs by the counted instructions, and intervals that contain what was published."""

from __future__ import annotations

import pytest

from benchmarks.instructions import budget
from benchmarks.projections import BOARDS, PROFILES, PUBLISHED_MS, costs_m, projected_fps


def test_nobody_in_sight_costs_the_detector_and_the_loop():
    per_frame, per_second = costs_m("live", 0)
    assert per_second == 0
    assert budget()["aarch64", "face/live"] < per_frame < budget()["aarch64", "face/live"] + 3


def test_three_people_are_classified_five_times_a_second_and_verified_once():
    models = {name: cost for (processor, name), cost in budget().items() if processor == "aarch64"}
    refined = 1.5 * (models["face/live"] + models["face/verifier"])
    expected = 15 * models["mask"] + 3 * models["face/verifier"] + refined
    assert costs_m("live", 3)[1] == pytest.approx(expected)


def test_the_rate_of_a_board_contains_the_published_times():
    (board,) = (board for board in BOARDS if board.name == "4")
    low, high = board.rate_m
    for multiplied, ms in PUBLISHED_MS["Pi 4"]:
        # of four cores that are four times as fast as one, at 2.4 multiplications per instruction; and 3.4 and 2.0
        assert low < multiplied / ms * 1e3 / 4 / 2.4 < multiplied / ms * 1e3 / 3.4 / 2.0 < high


@pytest.mark.parametrize("profile", PROFILES)
def test_a_stronger_board_is_faster(profile):
    intervals = [projected_fps(board, profile, 1) for board in BOARDS]
    assert all(0 <= low < high for low, high in intervals)
    assert intervals == sorted(intervals)
