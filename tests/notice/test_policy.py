"""When the people nearby are given a notice, and when it is heard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.data import EventType, Mask, Metres, Notice, NoticeState, Phrase, Position, Reason, Track
from edge.notice.phrases import Phrases
from edge.notice.policy import NoticePolicy, NoticeRules, NoticeTiming
from edge.notice.schedule import VolumeSchedule, hours_of
from tests.support import fakes
from tests.support.messages import alert

PHRASES = Phrases((Phrase("en", "keep your distance"),), (Phrase("en", "thank you"),))
TIMING = NoticeTiming(hold_s=4.0, repeat_s=20.0, remind_s=60.0, reminders=2)
LOUD = 0.6
DAY_MIN, NIGHT_MIN = 12 * 60, 23 * 60


class Play:
    """A policy and the scenes that it judges, two per second; `changes` are new states and what is heard."""

    def __init__(self, timing: NoticeTiming = TIMING, *, enabled: bool = True, near_m: float = 0.0) -> None:
        self.now = 0.0
        self.minute = DAY_MIN
        schedule = VolumeSchedule(LOUD, hours_of("22:00-06:00"))
        self.rules = NoticeRules(PHRASES, timing, schedule, near_m, enabled)
        self.policy = NoticePolicy(self.rules, lambda: self.minute)
        self.notices: list[tuple[float, Notice]] = []

    @property
    def states(self) -> list[tuple[float, str]]:
        """The times at which the state changed."""
        before = [NoticeState.OFF, *(notice.state for _, notice in self.notices)]
        return [
            (at, notice.state.value)
            for (at, notice), last in zip(self.notices, before, strict=False)
            if notice.state is not last
        ]

    @property
    def heard(self) -> list[tuple[float, str]]:
        return [(at, notice.state.value) for at, notice in self.notices if notice.volume > 0]

    def show(
        self,
        until: float,
        *,
        bare: bool,
        ends: Reason | None = None,
        mask: Mask = Mask.WITHOUT_MASK,
        apart_m: float | None = None,
    ) -> None:
        """Show somebody bare or nobody until a time; in the first scene an episode ends for the reason `ends`.

        apart_m: of somebody else from the one who is bare.
        """
        alerts = () if ends is None else (alert(event_type=EventType.END, reason=ends, episode=mask),)
        episodes = (alert(),) if bare else ()
        tracks = () if apart_m is None else (at_m(1, 0.0), at_m(2, apart_m))
        while self.now < until:
            scene = fakes.scene(tracks, alerts, episodes, decided_at=self.now)
            self.notices.append((self.now, self.policy.judge(scene)))
            self.now += 0.5
            alerts = ()


def at_m(number: int, x_m: float) -> Track:
    position = Position((x_m, 0.0, 3.0), Metres(3.0, 2.5, 3.5), 0.1, 0.05)
    return replace(fakes.track(number), position=position)


def test_a_notice_opens_at_once_and_is_held_long_enough_to_be_read():
    play = Play()
    play.show(1.0, bare=False)
    play.show(2.0, bare=True)
    play.show(10.0, bare=False, ends=Reason.GONE)
    assert play.states == [(1.0, "on"), (5.0, "off")]


def test_a_second_person_starts_no_second_notice():
    play = Play()
    for ends in (None, Reason.MASK_ON, Reason.GONE):
        play.show(play.now + 5, bare=True, ends=ends)
    assert play.states == [(0.0, "on")]


def test_a_notice_that_goes_on_is_heard_again_seldom_and_not_for_ever():
    play = Play()
    play.show(600.0, bare=True)
    assert play.heard == [(0.0, "on"), (60.0, "on"), (120.0, "on")]


def test_a_reminder_that_is_overdue_is_heard_in_the_next_scene():
    """Scenes come when a frame has been processed, hardly ever at the very second."""
    play = Play()
    play.show(1.0, bare=True)
    play.now = 59.7
    play.show(62.0, bare=True)
    assert play.heard == [(0.0, "on"), (60.2, "on")]


def test_two_notices_are_not_heard_within_the_shortest_time_between_them_but_the_second_shows_at_once():
    play = Play()
    play.show(1.0, bare=True)
    play.show(8.0, bare=False, ends=Reason.GONE)
    play.show(30.0, bare=True)
    assert (8.0, "on") in play.states
    assert play.heard == [(0.0, "on"), (20.0, "on")]


@pytest.mark.parametrize(
    ("reason", "thanked"),
    [(Reason.MASK_ON, True), (Reason.GONE, False), (Reason.STOPPED, False), (None, False)],
)
def test_thanks_are_for_a_mask_that_was_put_on_and_not_for_leaving(reason, thanked):
    play = Play()
    play.show(6.0, bare=True)
    play.show(30.0, bare=False, ends=reason)
    assert play.states == [(0.0, "on"), *([(6.0, "thanks"), (10.0, "off")] if thanked else [(6.0, "off")])]
    assert ((6.0, "thanks") in play.heard) == thanked


def test_a_mask_worn_wrongly_that_ends_earns_no_thanks():
    play = Play()
    play.show(6.0, bare=True)
    play.show(30.0, bare=False, ends=Reason.MASK_ON, mask=Mask.INCORRECT_MASK)
    assert "thanks" not in {state for _, state in play.states}


def test_thanks_wait_until_the_notice_was_held():
    play = Play()
    play.show(1.0, bare=True)
    play.show(30.0, bare=False, ends=Reason.MASK_ON)
    assert play.states == [(0.0, "on"), (4.0, "thanks"), (8.0, "off")]


def test_thanks_are_not_said_while_somebody_else_is_bare():
    play = Play()
    play.show(6.0, bare=True)
    play.show(9.0, bare=True, ends=Reason.MASK_ON)
    play.show(20.0, bare=False, ends=Reason.GONE)
    assert play.states == [(0.0, "on"), (9.0, "off")]


def test_somebody_new_ends_the_thanks():
    play = Play()
    play.show(6.0, bare=True)
    play.show(7.0, bare=False, ends=Reason.MASK_ON)
    play.show(8.0, bare=True)
    assert play.states == [(0.0, "on"), (6.0, "thanks"), (7.0, "on")]


def test_thanks_are_heard_only_after_a_notice_that_was_heard():
    play = Play()
    play.show(1.0, bare=True)
    play.show(6.0, bare=False, ends=Reason.GONE)
    play.show(7.0, bare=True)
    play.show(20.0, bare=False, ends=Reason.MASK_ON)
    assert (10.0, "thanks") in play.states
    assert play.heard == [(0.0, "on")]


def test_somebody_new_while_the_notice_is_held_takes_the_thanks_back():
    play = Play()
    play.show(1.0, bare=True)
    play.show(2.0, bare=False, ends=Reason.MASK_ON)
    play.show(3.0, bare=True)
    play.show(20.0, bare=False, ends=Reason.GONE)
    assert play.states == [(0.0, "on"), (4.0, "off")]


def test_no_thanks_while_somebody_far_away_is_bare():
    play = Play(near_m=2.0)
    play.show(6.0, bare=True, apart_m=1.0)
    play.show(20.0, bare=True, ends=Reason.MASK_ON, apart_m=3.0)
    assert play.states == [(0.0, "on"), (6.0, "off")]


def test_in_quiet_hours_everything_is_shown_and_nothing_heard_until_they_end():
    play = Play()
    play.minute = NIGHT_MIN
    play.show(100.0, bare=True)
    assert (play.states, play.heard) == ([(0.0, "on")], [])
    play.minute = DAY_MIN
    play.show(101.0, bare=True)
    assert (play.states, play.heard) == ([(0.0, "on")], [(100.0, "on")])


def test_the_volume_is_that_of_the_schedule_in_the_one_scene_in_which_the_notice_is_heard():
    play = Play()
    play.show(3.0, bare=True)
    assert [notice.volume for _, notice in play.notices] == [LOUD, 0.0, 0.0, 0.0, 0.0, 0.0]
    play.show(5.0, bare=False, ends=Reason.MASK_ON)
    play.show(8.0, bare=False)
    assert [at for at, notice in play.notices if notice.volume == LOUD] == [0.0, 4.0]
    assert {notice.volume for _, notice in play.notices} == {0.0, LOUD}


def test_the_switch_ends_a_notice_at_once_and_opens_it_again():
    play = Play()
    play.show(2.0, bare=True)
    play.policy.switch(on=False)
    play.show(3.0, bare=True)
    play.policy.switch(on=True)
    play.show(4.0, bare=True)
    assert play.states == [(0.0, "on"), (2.0, "off"), (3.0, "on")]
    assert play.heard == [(0.0, "on")]


def test_a_policy_that_is_switched_off_gives_no_notice():
    play = Play(enabled=False)
    play.show(5.0, bare=True)
    play.show(9.0, bare=False, ends=Reason.MASK_ON)
    assert (play.states, play.heard) == ([], [])


@pytest.mark.parametrize("enabled", [True, False])
def test_the_switch_outlives_new_rules(enabled):
    play = Play(enabled=enabled)
    assert play.policy.enabled is enabled
    play.policy.switch(on=not enabled)
    play.policy.adopt(replace(play.rules, enabled=enabled))
    assert play.policy.enabled is not enabled


def test_new_rules_change_the_words_of_the_notice_that_stands_without_a_sound():
    play = Play()
    play.show(2.0, bare=True)
    words = Phrases((Phrase("de", "Abstand!"),))
    play.policy.adopt(replace(play.rules, phrases=words))
    play.show(3.0, bare=True)
    assert play.notices[-1][1] == Notice(NoticeState.ON, words.please)
    assert (play.states, play.heard) == ([(0.0, "on")], [(0.0, "on")])


def test_a_notice_is_given_only_while_somebody_is_near():
    play = Play(near_m=2.0)
    play.show(5.0, bare=True, apart_m=3.0)
    assert play.states == []
    play.show(6.0, bare=True, apart_m=1.0)
    play.show(20.0, bare=True, apart_m=3.0)
    assert play.states == [(5.0, "on"), (9.0, "off")]


def test_without_a_limit_nobody_needs_to_be_near():
    play = Play()
    play.show(5.0, bare=True, apart_m=30.0)
    assert play.states == [(0.0, "on")]


def test_a_withdrawn_notice_is_off_at_once_and_earns_no_thanks():
    play = Play()
    play.show(1.0, bare=True)
    play.show(2.0, bare=False, ends=Reason.MASK_ON)
    assert play.policy.withdraw() == Notice()
    play.show(9.0, bare=False)
    assert play.states == [(0.0, "on"), (2.0, "off")]


def test_the_words_are_those_of_the_phrases():
    play = Play()
    play.show(5.0, bare=True)
    play.show(12.0, bare=False, ends=Reason.MASK_ON)
    words = {notice.state: notice.phrases for _, notice in play.notices}
    assert words == {NoticeState.ON: PHRASES.please, NoticeState.THANKS: PHRASES.thanks, NoticeState.OFF: ()}
