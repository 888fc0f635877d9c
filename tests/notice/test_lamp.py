"""Lamp, buzzer and bell: pins by the log of gpiozero's mock factory."""

from __future__ import annotations

import io
import warnings

import pytest
from gpiozero import Device, GPIOPinInUse
from gpiozero.pins.mock import MockFactory

from edge.data import NoticeState
from edge.notice.lamp import Bell, Buzzer, Lamp
from edge.notice.problems import Problems
from tests.support.fakes import Stopwatch, eventually, noticed

ON, HEARD = noticed(NoticeState.ON), noticed(NoticeState.ON, volume=0.6)
THANKS, OFF = noticed(NoticeState.THANKS, volume=0.6), noticed(NoticeState.OFF)


@pytest.fixture
def pins():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        factory = MockFactory()
    yield factory
    factory.reset()


def log_of(pins, name: str) -> list[bool]:
    """Return what a pin went through, its first state left out."""
    return [state.state for state in pins.pin(name).states][1:]


def test_the_lamp_is_lit_while_a_notice_stands_also_in_quiet_hours(pins):
    lamp = Lamp("GPIO17", [].append, pin_factory=pins)
    for scene in (ON, OFF, HEARD):
        lamp.put(scene)
    assert log_of(pins, "GPIO17") == [True, False, True]
    lamp.put(THANKS)
    assert log_of(pins, "GPIO17")[-1] is False
    lamp.close()


def test_the_scenes_that_follow_and_a_reminder_do_not_touch_the_lamp(pins):
    lamp = Lamp("GPIO17", [].append, pin_factory=pins)
    for scene in (OFF, OFF, HEARD, ON, ON, HEARD):
        lamp.put(scene)
    assert log_of(pins, "GPIO17") == [True]
    lamp.close()


def test_a_lamp_that_replaces_another_shows_the_notice_that_stands(pins):
    Lamp("GPIO17", [].append, pin_factory=pins).close()
    lamp = Lamp("GPIO27", [].append, pin_factory=pins)
    lamp.put(ON)
    assert log_of(pins, "GPIO27") == [True]
    lamp.close()


def test_the_buzzer_beeps_twice_shortly(pins):
    buzzer, watch = Buzzer("GPIO27", [].append, pin_factory=pins), Stopwatch()
    for scene in (HEARD, ON, ON):
        buzzer.put(scene)
    assert eventually(lambda: log_of(pins, "GPIO27") == [True, False, True, False])
    assert watch.s < 2.0
    assert not eventually(lambda: len(log_of(pins, "GPIO27")) > 4, 0.5), "a third beep"
    lasted_s = [state.timestamp for state in pins.pin("GPIO27").states][2:]
    assert all(length_s >= 0.1 for length_s in lasted_s)
    buzzer.close()


@pytest.mark.parametrize("scene", [ON, THANKS, OFF])
def test_the_buzzer_is_silent_in_quiet_hours_and_for_thanks(pins, scene):
    buzzer = Buzzer("GPIO27", [].append, pin_factory=pins)
    buzzer.put(scene)
    buzzer.close()
    assert True not in log_of(pins, "GPIO27")


def test_a_closed_lamp_is_dark(pins):
    lamp = Lamp("GPIO17", [].append, pin_factory=pins)
    lamp.put(ON)
    pin = pins.pin("GPIO17")
    lamp.close()
    assert pin.state is False or pin.function == "input"


def test_a_board_without_pins_is_reported_once_with_its_fix_and_ends_nothing(monkeypatch, caplog):
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nothing")
    monkeypatch.setattr(Device, "pin_factory", None)
    problems = Problems()
    lamp = Lamp("GPIO17", lambda text: problems.report("lamp", text))
    for _ in range(3):
        lamp.put(ON)
        lamp.put(OFF)
    lamp.close()
    assert problems.text.startswith("lamp: GPIO17 cannot be opened")
    assert "fix: sudo apt install python3-lgpio" in problems.text
    assert len(caplog.records) == 1


def test_two_parts_on_one_pin_are_reported(pins):
    reported = []
    first = Lamp("GPIO17", reported.append, pin_factory=pins)
    Buzzer("GPIO17", reported.append, pin_factory=pins).put(ON)
    assert "GPIO17 cannot be opened" in reported[0]
    first.close()


def test_a_pin_that_fails_later_is_reported_and_reported_well_when_it_works_again(pins, monkeypatch):
    reported = []
    lamp = Lamp("GPIO17", reported.append, pin_factory=pins)
    pin = pins.pin("GPIO17")
    works = pin._set_state

    def break_down(_value):
        raise GPIOPinInUse("torn out")

    monkeypatch.setattr(type(pin), "_set_state", lambda _pin, value: break_down(value))
    lamp.put(ON)
    monkeypatch.setattr(type(pin), "_set_state", lambda _pin, value: works(value))
    lamp.put(ON)
    assert reported == ["GPIO17 does not work: torn out", ""]
    lamp.close()


def test_the_bell_rings_only_for_what_is_to_be_heard():
    terminal = io.StringIO()
    bell = Bell(terminal)
    for scene in (HEARD, ON, THANKS, OFF, HEARD):
        bell.put(scene)
    assert terminal.getvalue() == "\a\a"


def test_problems_are_logged_on_change_and_read_in_one_line(caplog):
    caplog.set_level("INFO")
    problems = Problems()
    for text in ("torn out", "torn out", ""):
        problems.report("lamp", text)
    problems.report("voice", "no card")
    assert problems.text == "voice: no card"
    assert [record.message for record in caplog.records] == [
        "notice: lamp: torn out; the service continues",
        "notice: lamp: works again",
        "notice: voice: no card; the service continues",
    ]
