"""The notice to people nearby, joined by the settings: from the scene to each announcer, with and without a broker."""

from __future__ import annotations

import json
import signal
import subprocess
import warnings
from pathlib import Path

import pytest
from gpiozero import Device

from edge.app.components import Components
from edge.app.notice import Nearby, build_notifier, sign_texts
from edge.data import EventType, Reason
from edge.notice.phrases import IDLE, PLEASE, THANKS
from edge.notice.sound import read
from edge.settings.load import load
from tests.benchmarks import notice as benchmark
from tests.support import fakes
from tests.support.fakes import eventually
from tests.support.messages import alert
from tests.support.needs import need
from tests.support.players import RecordingPlayer
from tests.support.ports import free_port
from tests.support.service import Ear, Watch, on

NIGHT_S = 1_800_054_000.0
"""Seconds since 1970 of 23:00 in UTC."""


class Signs:
    """A publisher that keeps what other signs are told."""

    def __init__(self) -> None:
        self.told = []

    def tell_signs(self, state, phrase, language):
        self.told.append((state, phrase, language))


def rules(*overrides: str):
    return load(overrides=[f"notice.{text}" for text in overrides], system_file=Path("/nonexistent")).settings.notice


@pytest.fixture
def keep(monkeypatch):
    monkeypatch.setenv("TZ", "UTC0")
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setattr(Device, "pin_factory", None)
    with warnings.catch_warnings(), Components() as made:
        warnings.simplefilter("ignore")
        yield made


def put(notifier, at: float, *, unmasked: bool, reason: Reason | None = None) -> None:
    ended = (alert(event_type=EventType.END, reason=reason),) if reason else ()
    notifier.put(fakes.scene(alerts=ended, episodes=(alert(),) if unmasked else (), decided_at=at))


def test_by_default_the_banner_and_other_signs_are_told_and_nothing_makes_a_sound(keep):
    nearby, signs = Nearby(), Signs()
    notifier = build_notifier(rules(), nearby, signs, lambda: 0.0, keep)
    put(notifier, 10.0, unmasked=True)
    assert nearby.banner.text == PLEASE["en"]
    put(notifier, 15.0, unmasked=False, reason=Reason.MASK_ON)
    assert (nearby.banner.text, nearby.banner.thanks) == (THANKS["en"], True)
    put(notifier, 20.0, unmasked=False)
    assert nearby.banner.text == ""
    assert signs.told == [("on", PLEASE["en"], "en"), ("thanks", THANKS["en"], "en"), ("off", "", "")]
    assert nearby.troubles.text == ""


def test_languages_and_own_words_reach_banner_and_sign(keep):
    nearby = Nearby()
    notice = rules('languages=["de","en"]', "phrase=Abstand!")
    notifier = build_notifier(notice, nearby, Signs(), lambda: 0.0, keep)
    put(notifier, 10.0, unmasked=True)
    assert nearby.banner.text == f"Abstand!\n{PLEASE['en']}"
    assert sign_texts(notice)[0] == f"{IDLE['de']}\n{IDLE['en']}"


@pytest.mark.needs("espeak-ng")
@pytest.mark.parametrize(("quiet", "plays"), [("22:00-06:00", 0), ("06:00-22:00", 1)])
def test_lamp_buzzer_and_voice_are_told_in_quiet_hours_only_the_lamp(keep, tmp_path, monkeypatch, quiet, plays):
    recorder = RecordingPlayer(tmp_path)
    monkeypatch.setenv("PATH", f"{recorder.programs}:/usr/bin:/bin")
    monkeypatch.setattr("edge.notice.player._PLAYERS", (("aplay",),))
    notice = rules("lamp_pin=GPIO17", "buzzer_pin=GPIO27", "voice=espeak", f"quiet={quiet}", "volume=0.5")
    nearby = Nearby()
    notifier = build_notifier(notice, nearby, Signs(), lambda: NIGHT_S, keep)
    assert eventually(lambda: recorder.tried, 20)
    put(notifier, 10.0, unmasked=True)
    lamp, buzzer = (Device.pin_factory.pin(name) for name in ("GPIO17", "GPIO27"))
    assert lamp.state
    assert eventually(lambda: len(recorder.played) == plays)
    beeped = eventually(lambda: [state.state for state in buzzer.states].count(True) == 2, 1)
    assert beeped == bool(plays)
    for _, path in recorder.played:
        assert read(path).peak_dbfs == pytest.approx(-9.02, abs=0.05)
    notifier.close()
    assert not lamp.state
    assert nearby.troubles.text == ""


def test_settings_that_are_read_again_move_pins_and_keep_the_notice_that_stands(keep):
    nearby, signs = Nearby(), Signs()

    def read(*overrides: str):
        return keep.compose(lambda: build_notifier(rules(*overrides), nearby, signs, lambda: 0.0, keep))

    notifier = read("lamp_pin=GPIO17", "buzzer_pin=GPIO27")
    put(notifier, 10.0, unmasked=True)
    assert read("lamp_pin=GPIO27", "buzzer_pin=GPIO17", "phrase=Abstand!") is notifier
    lamp, buzzer = (Device.pin_factory.pin(name) for name in ("GPIO27", "GPIO17"))
    assert lamp.state
    assert buzzer.states[-1].state is False, "a notice that stands is not heard again"
    assert nearby.banner.text == "Abstand!"
    read()
    assert lamp.function == "input", "given back"
    assert nearby.banner.text == PLEASE["en"]
    assert nearby.troubles.text == ""
    assert [state for state, _, _ in signs.told] == ["on"]


def test_each_way_that_is_broken_is_told_and_the_banner_goes_on(keep, tmp_path, monkeypatch):
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nothing")
    monkeypatch.setenv("PATH", str(tmp_path))
    nearby = Nearby()
    notice = rules("lamp_pin=GPIO17", "buzzer_pin=GPIO27", "voice=espeak")
    notifier = build_notifier(notice, nearby, Signs(), lambda: 0.0, keep)
    assert eventually(lambda: "voice" in nearby.troubles.text)
    put(notifier, 10.0, unmasked=True)
    assert nearby.banner.text == PLEASE["en"]
    for part, mend in (("lamp", "python3-lgpio"), ("buzzer", "GPIO27"), ("voice", "apt install espeak-ng")):
        assert f"{part}: " in nearby.troubles.text
        assert mend in nearby.troubles.text


def test_a_run_tells_other_signs_and_what_keeps_it_from_telling(mosquitto, tmp_path):
    ear = Ear(mosquitto.port)
    broken = ("--set", f"notice.voice={tmp_path}/none.wav", "--set", "notice.sign=on")
    watch = Watch("--source", "demo", *broken, *on(mosquitto))
    assert eventually(lambda: ear.of("notice"), 40)
    first = json.loads(ear.of("notice")[0])
    assert (first["state"], first["phrase"], first["language"]) == ("on", PLEASE["en"], "en")
    problems = [json.loads(text)["text"] for text in ear.of("problem/notice") if text]
    assert [text for text in problems if "voice: cannot speak: " in text and "notice.voice" in text]
    assert [text for text in problems if "sign: there is no display; mend: run `maskwatch sign --stay`" in text]
    code, _, err = watch.end()
    assert eventually(lambda: json.loads(ear.of("notice")[-1])["state"] == "off")
    ear.close()
    assert (code, "Traceback" in err) == (0, False)
    assert err.count("notice: voice: ") == 1


def test_a_run_that_is_switched_off_tells_nobody_and_publishes_all_the_same(mosquitto):
    ear = Ear(mosquitto.port)
    watch = Watch("--source", "demo", "--set", "notice.enabled=false", *on(mosquitto))
    assert eventually(ear.alerts, 40)
    watch.end()
    assert ear.of("notice") == []
    ear.close()


def test_a_wrong_pin_ends_a_run_with_one_sentence_and_78():
    watch = Watch("--source", "demo", "--set", "notice.lamp_pin=GPIO40", "--set", f"mqtt.port={free_port()}")
    _, err = watch.process.communicate(timeout=30)
    assert watch.process.returncode == 78
    assert err.count("\n") == 1
    sentence = (
        "notice.lamp_pin: write the pin as the chip numbers it, GPIO0 to GPIO27, or nothing; it is set to 'GPIO40'"
    )
    assert sentence in err


def test_every_notice_comes_by_each_way_though_there_is_no_broker(tmp_path):
    """How soon (300 ms), which a busy machine decides, is measured by tests/benchmarks/notice.py."""
    measured = benchmark.measure(tmp_path, rounds=20, patience_s=20.0)
    assert {way: len(times) for way, times in measured.items()} == {"lamp": 20, "sound": 20, "sign": 20, "banner": 20}


@pytest.mark.needs("espeak-ng")
def test_a_run_with_a_lamp_a_voice_and_a_sign_ends_cleanly_and_leaves_no_process(tmp_path):
    recorder = RecordingPlayer(tmp_path / "recorder")
    ways = ("voice=espeak", "lamp_pin=GPIO17", "buzzer_pin=GPIO27")
    settings = [word for way in ways for word in ("--set", f"notice.{way}")]
    more = {"PATH": f"{recorder.programs}:/usr/bin:/bin", "GPIOZERO_PIN_FACTORY": "mock", "TMPDIR": str(tmp_path)}
    watch = Watch("--source", "demo", *settings, "--set", "mqtt.host=127.0.0.1", "--set", "mqtt.port=1", **more)
    assert eventually(lambda: recorder.played, 40)
    code, _, err = watch.end(signal.SIGTERM)
    assert (code, "Traceback" in err) == (0, False), err
    assert list(tmp_path.glob("voice-*")) == []
    left = subprocess.run([need("pgrep"), "-f", str(recorder.programs)], capture_output=True, check=False).stdout
    assert left == b""
