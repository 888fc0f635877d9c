"""Starts of episodes against the people who are expected to raise them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.data import Alert, EventType, Mask, Track
from edge.evaluation.metrics import rate_interval
from edge.evaluation.starts import Played, compare, in_sum
from edge.evaluation.truth import Bare, Clip

DWELL_S = 1.0


def start(at, x=50):
    track = Track(1, (x - 5, 45, x + 5, 55), 0, 0.0, at)
    return Alert("id", EventType.START, 0, Mask.WITHOUT_MASK, track, at - DWELL_S, at)


def person(from_s, to_s, x=None):
    return Bare(from_s=from_s, to_s=to_s, box=None if x is None else (x - 20, 30, 40, 40))


def compared(people, starts):
    return compare(Clip(Path("a.mp4"), tuple(people)), Played(10.0, tuple(starts), {"gone": 1}), DWELL_S)


def counts(row):
    return {key: row[key] for key in ("met", "missed", "false", "repeated", "brief") if row[key]}


def test_a_start_while_its_person_is_bare_is_met_and_its_latency_counts_from_the_dwell_time():
    row = compared([person(2.0, 5.0)], [start(3.25)])
    assert counts(row) == {"met": 1}
    assert row["latency_s"] == [0.25]
    assert row["bare"] == [{"from_s": 2.0, "to_s": 5.0, "raised_at_s": 3.25}]


@pytest.mark.parametrize(
    ("at", "expected"), [(1.9, {"missed": 1, "false": 1}), (5.9, {"met": 1}), (6.1, {"missed": 1, "false": 1})]
)
def test_a_start_before_or_long_after_is_false(at, expected):
    assert counts(compared([person(2.0, 5.0)], [start(at)])) == expected


def test_a_start_at_another_place_is_false_and_its_place_is_listed():
    row = compared([person(2.0, 5.0, x=200)], [start(3.0, x=50)])
    assert counts(row) == {"missed": 1, "false": 1}
    assert row["false_starts"] == [{"t_s": 3.0, "box": [45, 45, 55, 55]}]


def test_two_people_at_once_take_a_start_each_the_nearest_first():
    row = compared([person(0.0, 5.0, x=60), person(0.0, 5.0, x=45)], [start(1.0, x=50), start(1.5, x=52)])
    assert [one["raised_at_s"] for one in row["bare"]] == [1.5, 1.0]
    assert counts(row) == {"met": 2}


def test_without_areas_the_person_who_is_bare_for_the_shortest_takes_the_first_start():
    row = compared([person(0.0, 9.0), person(0.0, 2.0)], [start(1.2), start(6.0)])
    assert counts(row) == {"met": 2}


def test_a_second_start_of_one_person_is_repeated_and_not_false():
    assert counts(compared([person(0.0, 9.0)], [start(1.0), start(5.0)])) == {"met": 1, "repeated": 1}


def test_a_person_bare_for_less_than_the_dwell_time_need_not_raise_one_but_may():
    assert counts(compared([person(0.0, 0.9)], [])) == {}
    assert counts(compared([person(0.0, 0.9)], [start(1.2)])) == {"brief": 1}


def test_the_sum_has_false_starts_per_hour_and_quantiles_of_all_latencies():
    rows = [compared([person(0.0, 9.0)], [start(1.0 + late)]) for late in (0.1, 0.2, 0.6)]
    rows.append(compared([], [start(3.0)]))
    total = in_sum(rows)
    assert (total["expected"], total["met"], total["false"], total["duration_s"]) == (3, 3, 1, 40)
    assert total["false_starts_per_hour"]["value"] == 90
    assert total["latency_s"] == {"median": 0.2, "p95": 0.56}
    assert total["ends"] == {"gone": 4}


def test_without_a_start_there_is_no_latency():
    assert in_sum([compared([], [])])["latency_s"] == {"median": None, "p95": None}


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0, 3.69), (1, 0.03, 5.57), (10, 4.8, 18.39), (100, 81.4, 121.6)]
)
def test_the_interval_of_a_rate_is_near_the_exact_one(count, low, high):
    """Against the exact limits of the Poisson distribution, which tables list."""
    value, *limits = rate_interval(count, 2.0)
    assert value == count / 2
    assert [limit * 2 for limit in limits] == pytest.approx([low, high], abs=0.1, rel=0.02)
