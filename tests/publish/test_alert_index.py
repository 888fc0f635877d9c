"""What is kept and what is forgotten, and that forgetting costs no more for much than for little."""

from __future__ import annotations

import time

import pytest

from edge.publish.alert_index import KEPT_S, AlertIndex
from edge.publish.store import Held


def index_of(count: int, limit: int = 1_000_000, *, acknowledged: bool = True) -> AlertIndex:
    made = AlertIndex(limit)
    for number in range(count):
        made.add(f"e{number}:0", "end")
        if acknowledged:
            made.acknowledge(f"e{number}:0", 0.0)
    return made


def seconds(count: int, *, acknowledged: bool) -> float:
    """Return the shortest time of three in which `count` keys are forgotten, s."""
    spans = []
    for _ in range(3):
        index = index_of(count, 1_000_000 if acknowledged else 0, acknowledged=acknowledged)
        began_at = time.process_time()
        assert len(index.forget(KEPT_S + 1)) == count
        spans.append(time.process_time() - began_at)
    return min(spans)


@pytest.mark.parametrize("acknowledged", [True, False], ids=["delivered", "over the limit"])
def test_forgetting_sixteen_times_as_many_takes_about_sixteen_times_as_long(acknowledged):
    few, many = seconds(2_500, acknowledged=acknowledged), seconds(40_000, acknowledged=acknowledged)
    assert many < 16 * 6 * few, "their square would be 256 times"


def test_the_newest_of_an_open_episode_is_kept_until_the_next_one_comes():
    index = AlertIndex(10)
    index.add("e1:0", "start")
    index.acknowledge("e1:0", 0.0)
    assert index.forget(KEPT_S + 1) == []
    assert index.unsettled(KEPT_S + 1) == []
    index.add("e1:1", "update")
    assert index.forget(KEPT_S + 1) == ["e1:0"]
    index.add("e1:2", "end")
    index.acknowledge("e1:1", 0.0)
    assert index.forget(KEPT_S + 1) == ["e1:1"]
    assert index.waiting == 1


def test_over_the_limit_even_open_episodes_go_at_last():
    index = AlertIndex(2)
    for number in range(5):
        index.add(f"e{number}:0", "start")
        index.acknowledge(f"e{number}:0", 0.0)
    assert index.forget(0.0) == ["e0:0", "e1:0", "e2:0"]
    assert (len(index), index.dropped) == (2, 0)


def test_what_an_earlier_run_left_comes_before_what_came_since():
    index = AlertIndex(10)
    index.add("e9:0", "start")
    earlier = [Held("e1:0", "start", acknowledged=True), Held("e2:0", "start", acknowledged=False)]
    earlier.append(Held("e2:1", "end", acknowledged=False))
    assert index.put_before(earlier, 0.0) == ["e1:0"]
    assert index.unsettled(0.0) == ["e1:0", "e2:0", "e2:1", "e9:0"]
    assert index.waiting == 3


def test_an_acknowledgement_again_prolongs_the_ten_minutes():
    index = index_of(1)
    index.acknowledge("e0:0", 500.0)
    assert index.forget(KEPT_S + 1) == []
    assert index.forget(500 + KEPT_S + 1) == ["e0:0"]
