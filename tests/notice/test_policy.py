"""When the people nearby are told, and how politely."""

from __future__ import annotations

import pytest

from edge.data import EventType, Mask, NoticeState, Phrase, Reason
from edge.notice.phrases import Phrases
from edge.notice.policy import NoticeTiming, Notifier
from edge.notice.switch import NoticeSwitch
from tests.support import fakes
from tests.support.messages import alert

PHRASES = Phrases((Phrase("en", "keep your distance"),), (Phrase("en", "thank you"),))
MANNERS = NoticeTiming(hold_s=4.0, repeat_s=20.0, remind_s=60.0, reminders=2)
LOUD = 0.6


class Keeping:
    """Announcer that keeps what it was told: (time, state, volume)."""

    def __init__(self, clock: fakes.FakeClock) -> None:
        self._clock, self.told = clock, []

    def announce(self, notice):
        self.told.append((self._clock(), notice.state.value, notice.volume))

    def clear(self):
        self.told.append((self._clock(), "off", 0.0))

    @property
    def states(self):
        return [(at, state) for at, state, _ in self.told]

    @property
    def heard(self):
        return [(at, state) for at, state, volume in self.told if volume > 0]


class Play:
    """A notifier and the scenes that it is shown, one each half second."""

    def __init__(self, manners: NoticeTiming = MANNERS, **more) -> None:
        self.clock = fakes.FakeClock(0.0)
        self.kept = Keeping(self.clock)
        self.notifier = Notifier(PHRASES, [self.kept], manners, **{"volume": lambda: LOUD, **more})

    def show(self, until: float, *, bare: bool, ends: Reason | None = None, mask: Mask = Mask.WITHOUT_MASK) -> None:
        """Show somebody bare or nobody until a time; `ends` says in the first scene why an episode ended."""
        alerts = () if ends is None else (alert(event_type=EventType.END, reason=ends, episode=mask),)
        episodes = (alert(),) if bare else ()
        while self.clock.now < until:
            self.notifier.put(fakes.scene(alerts=alerts, episodes=episodes, decided_at=self.clock.now))
            self.clock.now += 0.5
            alerts = ()


def test_a_notice_opens_at_once_and_is_held_long_enough_to_be_read():
    play = Play()
    play.show(1.0, bare=False)
    play.show(2.0, bare=True)
    play.show(10.0, bare=False, ends=Reason.GONE)
    assert play.kept.states == [(1.0, "on"), (5.0, "off")]


def test_a_second_person_starts_no_second_notice():
    play = Play()
    for ends in (None, Reason.MASK_ON, Reason.GONE):
        play.show(play.clock.now + 5, bare=True, ends=ends)
    assert play.kept.states == [(0.0, "on")]


def test_a_notice_that_goes_on_is_heard_again_seldom_and_not_for_ever():
    play = Play()
    play.show(600.0, bare=True)
    assert play.kept.heard == [(0.0, "on"), (60.0, "on"), (120.0, "on")]


def test_two_notices_are_not_heard_within_the_time_that_manners_ask_but_the_second_shows_at_once():
    play = Play()
    play.show(1.0, bare=True)
    play.show(8.0, bare=False, ends=Reason.GONE)
    play.show(30.0, bare=True)
    assert (8.0, "on") in play.kept.states
    assert play.kept.heard == [(0.0, "on"), (20.0, "on")]


@pytest.mark.parametrize(
    ("reason", "thanked"),
    [(Reason.MASK_ON, True), (Reason.GONE, False), (Reason.STOPPED, False), (None, False)],
)
def test_thanks_are_for_a_mask_that_was_put_on_and_not_for_who_left(reason, thanked):
    play = Play()
    play.show(6.0, bare=True)
    play.show(30.0, bare=False, ends=reason)
    assert play.kept.states == [(0.0, "on"), *([(6.0, "thanks"), (10.0, "off")] if thanked else [(6.0, "off")])]
    assert ((6.0, "thanks") in play.kept.heard) == thanked


def test_a_mask_worn_wrongly_that_ends_earns_no_thanks():
    play = Play()
    play.show(6.0, bare=True)
    play.show(30.0, bare=False, ends=Reason.MASK_ON, mask=Mask.INCORRECT_MASK)
    assert "thanks" not in {state for _, state in play.kept.states}


def test_thanks_wait_until_the_notice_was_held():
    play = Play()
    play.show(1.0, bare=True)
    play.show(30.0, bare=False, ends=Reason.MASK_ON)
    assert play.kept.states == [(0.0, "on"), (4.0, "thanks"), (8.0, "off")]


def test_thanks_are_not_said_while_somebody_else_is_bare():
    play = Play()
    play.show(6.0, bare=True)
    play.show(9.0, bare=True, ends=Reason.MASK_ON)
    play.show(20.0, bare=False, ends=Reason.GONE)
    assert play.kept.states == [(0.0, "on"), (9.0, "off")]


def test_somebody_new_ends_the_thanks():
    play = Play()
    play.show(6.0, bare=True)
    play.show(7.0, bare=False, ends=Reason.MASK_ON)
    play.show(8.0, bare=True)
    assert play.kept.states == [(0.0, "on"), (6.0, "thanks"), (7.0, "on")]


def test_thanks_are_heard_only_after_a_notice_that_was_heard():
    play = Play()
    play.show(1.0, bare=True)
    play.show(6.0, bare=False, ends=Reason.GONE)
    play.show(7.0, bare=True)
    play.show(20.0, bare=False, ends=Reason.MASK_ON)
    assert (10.0, "thanks") in play.kept.states
    assert play.kept.heard == [(0.0, "on")]


def test_somebody_new_while_the_notice_is_held_takes_the_thanks_back():
    play = Play()
    play.show(1.0, bare=True)
    play.show(2.0, bare=False, ends=Reason.MASK_ON)
    play.show(3.0, bare=True)
    play.show(20.0, bare=False, ends=Reason.GONE)
    assert play.kept.states == [(0.0, "on"), (4.0, "off")]


def test_no_thanks_while_somebody_far_away_is_bare():
    near = {"now": True}
    play = Play(wanted=lambda _scene: near["now"])
    play.show(6.0, bare=True)
    near["now"] = False
    play.show(20.0, bare=True, ends=Reason.MASK_ON)
    assert play.kept.states == [(0.0, "on"), (6.0, "off")]


def test_in_quiet_hours_all_is_shown_and_nothing_heard_until_they_end():
    hours = {"volume": 0.0}
    play = Play(volume=lambda: hours["volume"])
    play.show(100.0, bare=True)
    assert play.kept.states == [(0.0, "on")]
    assert play.kept.heard == []
    hours["volume"] = 0.3
    play.show(101.0, bare=True)
    assert play.kept.told[1:] == [(100.0, "on", 0.3)]


def test_the_switch_ends_a_notice_at_once_and_opens_it_again():
    switch = NoticeSwitch()
    play = Play(enabled=lambda: switch.on(True))
    play.show(2.0, bare=True)
    switch.asked = False
    play.show(3.0, bare=True)
    switch.asked = True
    play.show(4.0, bare=True)
    assert play.kept.states == [(0.0, "on"), (2.0, "off"), (3.0, "on")]
    assert play.kept.heard == [(0.0, "on")]


def test_a_notifier_that_is_switched_off_says_nothing():
    play = Play(enabled=lambda: NoticeSwitch().on(False))
    play.show(5.0, bare=True)
    play.show(9.0, bare=False, ends=Reason.MASK_ON)
    assert play.kept.told == []


def test_a_scene_that_is_not_wanted_is_told_to_nobody():
    near = {"now": False}
    play = Play(wanted=lambda _scene: near["now"])
    play.show(5.0, bare=True)
    assert play.kept.told == []
    near["now"] = True
    play.show(6.0, bare=True)
    near["now"] = False
    play.show(20.0, bare=True)
    assert play.kept.states == [(5.0, "on"), (9.0, "off")]


def test_the_end_of_the_watch_leaves_no_notice_standing():
    play = Play()
    play.show(1.0, bare=True)
    play.notifier.close()
    play.notifier.close()
    assert play.kept.states == [(0.0, "on"), (1.0, "off")]


def test_the_words_are_those_of_the_phrases():
    told = []
    play = Play()
    play.kept.announce = told.append
    play.show(5.0, bare=True)
    play.show(6.0, bare=False, ends=Reason.MASK_ON)
    assert [(n.state, n.phrases) for n in told] == [
        (NoticeState.ON, PHRASES.please),
        (NoticeState.THANKS, PHRASES.thanks),
    ]
