"""An hour at a busy stop: whatever stays in sight, everybody who comes hears a notice."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edge.data import Mask
from tests.support import busy_stop
from tests.support.busy_stop import DWELL_S, STEP_S, TIMING, Visitor, heard_by, play, visitors


@pytest.mark.parametrize("seed", range(5))
def test_everybody_who_comes_bare_hears_a_notice_though_a_poster_stays(seed):
    people = visitors(seed)
    heard_s = play(people)
    patience_s = DWELL_S + TIMING.repeat_s + 2 * STEP_S
    for visitor in people:
        if visitor.mask is Mask.WITHOUT_MASK and visitor.goes_s - visitor.comes_s > patience_s:
            first_s = heard_by(visitor, heard_s)[0]
            assert first_s - visitor.comes_s <= patience_s, visitor


@pytest.mark.parametrize("seed", range(5))
def test_no_two_notices_are_heard_within_the_time_that_the_settings_ask(seed):
    heard_s = play(visitors(seed))
    assert min(b - a for a, b in pairwise(heard_s)) >= TIMING.repeat_s


def test_a_poster_alone_is_reminded_of_as_often_as_the_settings_allow_and_no_more():
    poster = Visitor(1, "poster", Mask.WITHOUT_MASK, 0.0, busy_stop.HOUR_S)
    assert play([poster]) == [1.0, 61.0, 121.0, 181.0]


def test_a_newcomer_brings_no_reminders_of_those_who_were_reminded_enough():
    poster = Visitor(1, "poster", Mask.WITHOUT_MASK, 0.0, busy_stop.HOUR_S)
    newcomer = Visitor(2, "passes", Mask.WITHOUT_MASK, 1000.0, 1030.0)
    assert play([poster, newcomer])[4:] == [1001.0]
