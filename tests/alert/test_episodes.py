"""Episodes exactly as they are worded: when they open, tell, and close."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.alert.episodes import EpisodePolicy
from edge.data import EventType, Mask, Reason
from tests.support import fakes

if TYPE_CHECKING:
    from collections.abc import Sequence

WITH, WITHOUT, WRONG, UNSURE = Mask.WITH_MASK, Mask.WITHOUT_MASK, Mask.INCORRECT_MASK, Mask.UNSURE
START, UPDATE, END = EventType.START, EventType.UPDATE, EventType.END


def policy(**changes) -> EpisodePolicy:
    numbers = itertools.count(1)
    rule = {"dwell_s": 1.0, "clear_s": 1.5, "gone_s": 3.0, "update_s": 30.0, "incorrect": False}
    return EpisodePolicy(**{**rule, **changes}, new_id=lambda: f"e{next(numbers)}")


def played(judge: EpisodePolicy, *steps: tuple[float, float, Mask | None]) -> list:
    """Return the alerts of one person over (from, to, mask) steps, ten a second; None: unseen."""
    alerts, last_seen, last_mask = [], 0.0, UNSURE
    for begin, end, mask in steps:
        for tick in range(round(begin * 10), round(end * 10)):
            at = tick / 10
            if mask is not None:
                last_seen, last_mask = at, mask
            track = fakes.track(1, last_mask, last_seen, seen=mask is not None)
            visible = (track,) if at - last_seen <= 2.0 else ()
            alerts += judge.judge(visible, at)
    return alerts


def told(alerts) -> list[tuple[EventType, float, Reason | None]]:
    return [(alert.event_type, round(alert.raised_at, 1), alert.reason) for alert in alerts]


def test_an_episode_opens_after_dwelling_and_closes_after_clearing():
    alerts = played(policy(), (0, 3, WITHOUT), (3, 6, WITH))
    assert told(alerts) == [(START, 1.0, None), (UPDATE, 3.0, None), (END, 4.5, Reason.MASK_ON)]
    assert [alert.seq for alert in alerts] == [0, 1, 2]
    assert {alert.event_id for alert in alerts} == {"e1"}
    assert {alert.since for alert in alerts} == {0.0}


def test_somebody_bare_for_less_than_the_dwell_raises_nothing():
    assert played(policy(), (0, 0.9, WITHOUT), (0.9, 5, WITH)) == []


def test_unsure_neither_opens_nor_closes():
    alerts = played(policy(), (0, 0.5, WITHOUT), (0.5, 2, UNSURE))
    assert alerts == []
    alerts = played(policy(), (0, 2, WITHOUT), (2, 20, UNSURE))
    assert told(alerts) == [(START, 1.0, None)]


def test_unsure_stops_no_clock():
    alerts = played(policy(), (0, 0.5, WITHOUT), (0.5, 1.2, UNSURE), (1.2, 2, WITHOUT))
    assert told(alerts) == [(START, 1.2, None)]


def test_somebody_gone_closes_after_being_unseen():
    alerts = played(policy(), (0, 2, WITHOUT), (2, 8, None))
    assert told(alerts) == [(START, 1.0, None), (END, 4.9, Reason.GONE)]


def test_a_short_absence_closes_nothing():
    assert told(played(policy(), (0, 2, WITHOUT), (2, 3.5, None), (3.5, 6, WITHOUT))) == [(START, 1.0, None)]


def test_an_open_episode_is_told_again_every_half_minute():
    alerts = played(policy(), (0, 65, WITHOUT))
    assert told(alerts) == [(START, 1.0, None), (UPDATE, 31.0, None), (UPDATE, 61.0, None)]


def test_a_verdict_that_comes_back_before_clearing_keeps_the_episode_open():
    alerts = played(policy(), (0, 2, WITHOUT), (2, 3, WITH), (3, 5, WITHOUT))
    assert [kind for kind, *_ in told(alerts)] == [START, UPDATE, UPDATE]


def test_a_mask_worn_wrongly_closes_an_episode_of_no_mask_and_opens_none_by_default():
    alerts = played(policy(), (0, 2, WITHOUT), (2, 6, WRONG))
    assert told(alerts)[-1] == (END, 3.5, Reason.MASK_ON)


def test_masks_worn_wrongly_open_episodes_of_their_own_where_wanted():
    alerts = played(policy(incorrect=True), (0, 2, WRONG))
    assert [(alert.event_type, alert.episode) for alert in alerts] == [(START, WRONG)]


def test_a_second_episode_of_one_person_has_a_name_of_its_own_and_counts_from_zero():
    alerts = played(policy(), (0, 2, WITHOUT), (2, 5, WITH), (5, 8, WITHOUT))
    starts = [alert for alert in alerts if alert.event_type is START]
    assert [(alert.event_id, alert.seq) for alert in starts] == [("e1", 0), ("e2", 0)]


def test_what_is_open_is_known_and_closed_at_the_end():
    judge = policy()
    played(judge, (0, 2, WITHOUT))
    assert [alert.event_id for alert in judge.open()] == ["e1"]
    assert told(judge.close(2.0, Reason.STOPPED)) == [(END, 2.0, Reason.STOPPED)]
    assert judge.open() == ()


def test_an_episode_whose_person_the_tracker_forgot_still_ends():
    judge = policy(gone_s=10.0)
    assert told(played(judge, (0, 2, WITHOUT), (2, 14, None)))[-1] == (END, 11.9, Reason.GONE)


@pytest.mark.parametrize("tick", [0.1, 0.5, 1.0])
def test_each_person_is_told_once_whatever_the_frame_rate(tick):
    judge, starts = policy(), 0
    for step in range(int(20 / tick)):
        at = step * tick
        people = tuple(fakes.track(number, WITHOUT, at) for number in (1, 2, 3))
        starts += sum(alert.event_type is START for alert in judge.judge(people, at))
    assert starts == 3


@pytest.mark.parametrize("clear_s", [1.41, 1.45, 1.5])
def test_an_episode_ends_with_the_first_frame_after_clearing(clear_s):
    alerts = played(policy(clear_s=clear_s), (0, 3, WITHOUT), (3, 6, WITH))
    assert told(alerts)[-1] == (END, 4.5, Reason.MASK_ON)


def looked(times: Sequence[float], agreed_since: float | None = None) -> list[tuple[EventType, float]]:
    """Return what is told of a bare person who is seen at some times only."""
    judge = policy()
    tracks = [replace(fakes.track(1, WITHOUT, at), agreed_since=agreed_since) for at in times]
    alerts = [alert for track in tracks for alert in judge.judge((track,), track.last_seen)]
    return [(alert.event_type, round(alert.raised_at, 3)) for alert in alerts]


def test_the_dwell_time_counts_from_the_first_of_the_verdicts_that_made_the_label():
    assert looked([0.4, 0.6, 0.8, 1.0], agreed_since=0.0) == [(START, 1.0)]


def test_after_an_episode_the_dwell_time_counts_from_its_end_at_the_earliest():
    judge = policy(gone_s=1.0)
    for at in (0.0, 1.0):
        judge.judge((replace(fakes.track(1, WITHOUT, at), agreed_since=0.0),), at)
    judge.judge((fakes.track(1, WITHOUT, 1.0, seen=False),), 2.0)
    back = [
        alert
        for at in np.arange(2.5, 4.0, 0.1)
        for alert in judge.judge((replace(fakes.track(1, WITHOUT, at), agreed_since=0.0),), at)
    ]
    assert told(back) == [(START, 3.0, None)]


@pytest.mark.parametrize("rate_hz", [5, 10, 25])
@pytest.mark.parametrize("seed", range(20))
def test_somebody_bare_in_looks_that_span_the_dwell_time_is_told_whatever_their_jitter(rate_hz, seed):
    jitter = np.random.default_rng(seed).uniform(-0.15, 0.15, rate_hz + 1)
    times = 7.0 + (np.arange(rate_hz + 1) + jitter) / rate_hz
    assert [kind for kind, _ in looked(times)] == [START]


@pytest.mark.parametrize(
    ("interval_s", "raised_at"),
    [(0.04, 1.0), (0.1, 1.0), (0.2, 1.0), (0.32, 0.96), (0.35, 1.05), (0.47, 0.94), (0.89, 1.78), (2.0, 2.0)],
)
def test_an_alert_comes_at_the_look_nearest_to_the_dwell_time_and_never_more_than_a_tenth_early(interval_s, raised_at):
    assert looked(np.arange(0.0, 3.0, interval_s)) == [(START, raised_at)]
