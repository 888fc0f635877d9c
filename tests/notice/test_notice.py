"""People nearby are told."""

from __future__ import annotations

import io

from edge.notice import Notifier
from edge.notice.banner import Banner, Bell
from edge.notice.switch import NoticeSwitch
from tests import fakes
from tests.publish.test_message import alert


def put(notifier: Notifier, at: float, *, unmasked: bool) -> None:
    notifier.put(fakes.scene(episodes=(alert(),) if unmasked else (), decided_at=at))


def test_a_banner_shows_while_somebody_is_without_a_mask():
    banner = Banner()
    notifier = Notifier("keep your distance", [banner], hold_s=2.0)
    put(notifier, 10.0, unmasked=False)
    assert not banner.text
    put(notifier, 10.1, unmasked=True)
    assert banner.text == "keep your distance"
    put(notifier, 13.0, unmasked=False)
    assert not banner.text


def test_a_notice_stays_long_enough_to_be_read():
    banner = Banner()
    notifier = Notifier("x", [banner], hold_s=4.0)
    put(notifier, 10.0, unmasked=True)
    put(notifier, 11.0, unmasked=False)
    assert banner.text
    put(notifier, 14.1, unmasked=False)
    assert not banner.text


def test_nobody_is_told_while_the_switch_is_off_and_a_notice_that_runs_ends():
    banner, switch = Banner(), NoticeSwitch()
    notifier = Notifier("x", [banner], hold_s=2.0, switch=switch)
    put(notifier, 10.0, unmasked=True)
    assert banner.text
    switch.on = False
    put(notifier, 12.5, unmasked=True)
    assert not banner.text
    put(notifier, 13.0, unmasked=True)
    assert not banner.text
    switch.on = True
    put(notifier, 13.5, unmasked=True)
    assert banner.text


def test_a_second_person_starts_no_second_notice():
    class Counting:
        announced = 0

        def announce(self, _phrase):
            self.announced += 1

        def clear(self):
            """Do nothing."""

    counting = Counting()
    notifier = Notifier("x", [counting], hold_s=0.0)
    for at in (1.0, 2.0, 3.0):
        put(notifier, at, unmasked=True)
    assert counting.announced == 1


def test_the_bell_rings_no_more_often_than_allowed():
    clock, terminal = fakes.FakeClock(), io.StringIO()
    bell = Bell(terminal, repeat_s=20, monotonic=clock)
    for step_s in (0, 5, 14, 2):
        clock.now += step_s
        bell.announce("x")
    assert terminal.getvalue() == "\a\a"
