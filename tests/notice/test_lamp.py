"""Lamp, buzzer, banner, bell and relay: pins by the log of gpiozero's mock factory."""

from __future__ import annotations

import io
import warnings

import pytest
from gpiozero import Device, GPIOPinInUse
from gpiozero.pins.mock import MockFactory

from edge.data import Notice, NoticeState, Phrase
from edge.notice.banner import Banner, Bell
from edge.notice.lamp import Buzzer, Lamp
from edge.notice.problems import Problems
from edge.notice.relay import Relay
from tests.support.fakes import Stopwatch, eventually

WORDS = (Phrase("en", "keep apart"), Phrase("de", "Abstand"))
ON, QUIET_ON = Notice(NoticeState.ON, WORDS, 0.6), Notice(NoticeState.ON, WORDS)
THANKS = Notice(NoticeState.THANKS, WORDS, 0.6)


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
    for step in (lambda: lamp.announce(QUIET_ON), lamp.clear, lambda: lamp.announce(ON)):
        step()
    assert log_of(pins, "GPIO17") == [True, False, True]
    lamp.announce(THANKS)
    assert log_of(pins, "GPIO17")[-1] is False
    lamp.close()


def test_a_reminder_does_not_blink_the_lamp(pins):
    lamp = Lamp("GPIO17", [].append, pin_factory=pins)
    lamp.announce(ON)
    lamp.announce(ON)
    assert log_of(pins, "GPIO17") == [True]
    lamp.close()


def test_the_buzzer_beeps_twice_shortly(pins):
    buzzer, watch = Buzzer("GPIO27", [].append, pin_factory=pins), Stopwatch()
    buzzer.announce(ON)
    assert eventually(lambda: log_of(pins, "GPIO27") == [True, False, True, False])
    assert watch.s < 2.0
    lasted_s = [state.timestamp for state in pins.pin("GPIO27").states][2:]
    assert all(length_s >= 0.1 for length_s in lasted_s)
    buzzer.close()


@pytest.mark.parametrize("notice", [QUIET_ON, THANKS])
def test_the_buzzer_is_silent_in_quiet_hours_and_for_thanks(pins, notice):
    buzzer = Buzzer("GPIO27", [].append, pin_factory=pins)
    buzzer.announce(notice)
    buzzer.close()
    assert True not in log_of(pins, "GPIO27")


def test_a_closed_lamp_is_dark(pins):
    lamp = Lamp("GPIO17", [].append, pin_factory=pins)
    lamp.announce(ON)
    pin = pins.pin("GPIO17")
    lamp.close()
    assert pin.state is False or pin.function == "input"


def test_a_board_without_pins_is_told_once_with_its_mend_and_ends_nothing(monkeypatch, caplog):
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nothing")
    monkeypatch.setattr(Device, "pin_factory", None)
    troubles = Problems()
    lamp = Lamp("GPIO17", lambda text: troubles.tell("lamp", text))
    for _ in range(3):
        lamp.announce(ON)
        lamp.clear()
    lamp.close()
    assert troubles.text.startswith("lamp: GPIO17 cannot be opened")
    assert "mend: sudo apt install python3-lgpio" in troubles.text
    assert len(caplog.records) == 1


def test_two_parts_on_one_pin_are_told(pins):
    told = []
    first = Lamp("GPIO17", told.append, pin_factory=pins)
    Buzzer("GPIO17", told.append, pin_factory=pins).announce(ON)
    assert "GPIO17 cannot be opened" in told[0]
    first.close()


def test_a_pin_that_fails_later_is_told_and_told_well_when_it_works_again(pins, monkeypatch):
    told = []
    lamp = Lamp("GPIO17", told.append, pin_factory=pins)
    pin = pins.pin("GPIO17")
    works = pin._set_state

    def break_down(_value):
        raise GPIOPinInUse("torn out")

    monkeypatch.setattr(type(pin), "_set_state", lambda _pin, value: break_down(value))
    lamp.announce(ON)
    monkeypatch.setattr(type(pin), "_set_state", lambda _pin, value: works(value))
    lamp.announce(ON)
    assert told == ["GPIO17 does not work: torn out", ""]
    lamp.close()


def test_the_banner_has_a_line_for_each_language_and_knows_thanks():
    banner = Banner()
    assert (banner.text, banner.thanks) == ("", False)
    banner.announce(ON)
    assert (banner.text, banner.thanks) == ("keep apart\nAbstand", False)
    banner.announce(THANKS)
    assert banner.thanks
    banner.clear()
    assert (banner.text, banner.thanks) == ("", False)


def test_the_bell_rings_only_for_what_may_be_heard():
    terminal = io.StringIO()
    bell = Bell(terminal)
    for notice in (ON, QUIET_ON, THANKS, ON):
        bell.announce(notice)
    bell.clear()
    assert terminal.getvalue() == "\a\a"


def test_other_signs_hear_of_changes_and_of_no_repetition():
    sent = []
    relay = Relay(sent.append)
    for step in (ON, QUIET_ON, THANKS, None, None, ON):
        relay.clear() if step is None else relay.announce(step)
    assert [notice.state.value for notice in sent] == ["on", "thanks", "off", "on"]


def test_troubles_are_logged_on_change_and_read_in_one_line(caplog):
    caplog.set_level("INFO")
    troubles = Problems()
    for text in ("torn out", "torn out", ""):
        troubles.tell("lamp", text)
    troubles.tell("voice", "no card")
    assert troubles.text == "voice: no card"
    assert [record.message for record in caplog.records] == [
        "notice: lamp: torn out; the watch goes on",
        "notice: lamp: well again",
        "notice: voice: no card; the watch goes on",
    ]
