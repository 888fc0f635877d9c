"""How long an alert takes to the broker: each counts once, and no outage lets the list grow."""

from __future__ import annotations

import pytest

from edge.publish.delivery_times import DeliveryTimes


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def taken():
    return []


@pytest.fixture
def times(clock, taken):
    times = DeliveryTimes(lambda: clock[0])
    times.observe = taken.append
    return times


def test_an_alert_is_timed_from_its_decision_to_its_acknowledgement(times, clock, taken):
    times.begin("a:0", 99.5)
    clock[0] = 101.0
    times.end("a:0")
    assert taken == [1.5]


def test_one_that_is_sent_again_counts_once_and_one_of_an_earlier_run_never(times, taken):
    times.begin("a:0", 99.5)
    for key in ("a:0", "a:0", "earlier:3"):
        times.end(key)
    assert taken == [0.5]


def test_the_oldest_are_forgotten_in_a_long_outage(times, taken):
    for number in range(1_001):
        times.begin(f"{number}:0", float(number))
    times.end("0:0")
    assert taken == []
    times.end("1:0")
    assert taken == [99.0]


def test_nothing_is_timed_without_metrics(times, taken):
    times.observe = None
    times.begin("a:0", 99.5)
    times.observe = taken.append
    times.end("a:0")
    assert taken == []
