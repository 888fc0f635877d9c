"""The notice to the people nearby as the settings join it: from the scene to each output, with and without a broker."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from gpiozero import Device

from edge.app.components import Components
from edge.app.notice import build_notice_outputs, build_notice_policy, notice_rules, sign_texts
from edge.app.viewers import WithoutNotice
from edge.data import EventType, Notice, NoticeState, Reason, Scene
from edge.notice.phrases import IDLE, PLEASE, THANKS, lines_of
from edge.notice.problems import Problems
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


class NoticeOfDevice:
    """The notice of one device: its policy, and the outputs that the settings in force make of it."""

    def __init__(self, keep: Components, *overrides: str, wall_s: float = 0.0) -> None:
        self.keep, self.problems = keep, Problems()
        self.policy = build_notice_policy(rules(), lambda: wall_s)
        self.read(*overrides)

    def read(self, *overrides: str) -> None:
        """Read the settings again."""
        self.policy.adopt(notice_rules(rules(*overrides)))
        self.outputs = self.keep.compose(lambda: build_notice_outputs(rules(*overrides), self.problems, self.keep))

    def put(self, at: float, *, unmasked: bool, reason: Reason | None = None) -> Notice:
        """Walk a scene into the outputs; return its notice."""
        ended = (alert(event_type=EventType.END, reason=reason),) if reason else ()
        scene = fakes.scene(alerts=ended, episodes=(alert(),) if unmasked else (), decided_at=at)
        return self._put(replace(scene, notice=self.policy.judge(scene)))

    def end(self) -> None:
        """Put the last scene of a run."""
        self._put(replace(fakes.scene(), notice=self.policy.withdraw()))

    def _put(self, scene: Scene) -> Notice:
        for output in self.outputs:
            output.put(scene)
        return scene.notice


def test_by_default_there_is_a_notice_and_no_output_that_needs_a_device(keep):
    device = NoticeOfDevice(keep)
    assert device.outputs == []
    notices = [
        device.put(10.0, unmasked=True),
        device.put(15.0, unmasked=False, reason=Reason.MASK_ON),
        device.put(20.0, unmasked=False),
    ]
    assert [(notice.state.value, lines_of(notice.phrases)) for notice in notices] == [
        ("on", PLEASE["en"]),
        ("thanks", THANKS["en"]),
        ("off", ""),
    ]


def test_languages_and_own_words_are_in_the_notice_and_on_the_sign(keep):
    own = ('languages=["de","en"]', "phrase=Abstand!")
    notice = NoticeOfDevice(keep, *own).put(10.0, unmasked=True)
    assert lines_of(notice.phrases) == f"Abstand!\n{PLEASE['en']}"
    assert sign_texts(rules(*own))[0] == f"{IDLE['de']}\n{IDLE['en']}"


def test_the_bell_rings_on_a_terminal_where_the_banner_is_on(keep, monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr("sys.stderr", terminal)
    terminal.isatty = lambda: True
    for overrides, rung in ((), "\a"), (("banner=false",), "\a"):
        device = NoticeOfDevice(keep, *overrides)
        device.put(10.0, unmasked=True)
        device.put(10.5, unmasked=True)
        assert terminal.getvalue() == rung


@pytest.mark.needs("espeak-ng")
@pytest.mark.parametrize(("quiet", "plays"), [("22:00-06:00", 0), ("06:00-22:00", 1)])
def test_in_quiet_hours_only_the_lamp_reacts_and_else_buzzer_and_voice_too(keep, tmp_path, monkeypatch, quiet, plays):
    recorder = RecordingPlayer(tmp_path)
    monkeypatch.setenv("PATH", f"{recorder.programs}:/usr/bin:/bin")
    monkeypatch.setattr("edge.notice.player._PLAYERS", (("aplay",),))
    outputs = ("lamp_pin=GPIO17", "buzzer_pin=GPIO27", "voice=espeak")
    device = NoticeOfDevice(keep, *outputs, f"quiet={quiet}", "volume=0.5", wall_s=NIGHT_S)
    assert eventually(lambda: recorder.tried, 20)
    device.put(10.0, unmasked=True)
    lamp, buzzer = (Device.pin_factory.pin(name) for name in ("GPIO17", "GPIO27"))
    assert lamp.state
    assert eventually(lambda: len(recorder.played) == plays)
    beeped = eventually(lambda: [state.state for state in buzzer.states].count(True) == 2, 1)
    assert beeped == bool(plays)
    for _, path in recorder.played:
        assert read(path).peak_dbfs == pytest.approx(-9.02, abs=0.05)
    device.end()
    assert not lamp.state
    assert device.problems.text == ""


def test_a_reload_moves_pins_and_a_new_lamp_shows_the_notice_that_stands_without_a_sound(keep):
    device = NoticeOfDevice(keep, "lamp_pin=GPIO17", "buzzer_pin=GPIO27")
    device.put(10.0, unmasked=True)
    device.read("lamp_pin=GPIO27", "buzzer_pin=GPIO17", "phrase=Abstand!")
    notice = device.put(10.5, unmasked=True)
    lamp, buzzer = (Device.pin_factory.pin(name) for name in ("GPIO27", "GPIO17"))
    assert lamp.state
    assert buzzer.states[-1].state is False, "a notice that stands is not heard again"
    assert lines_of(notice.phrases) == "Abstand!"
    device.read()
    assert lamp.function == "input", "released"
    assert lines_of(device.put(11.0, unmasked=True).phrases) == PLEASE["en"]
    assert device.problems.text == ""


def test_each_output_that_fails_is_reported_and_the_notice_goes_on(keep, tmp_path, monkeypatch):
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nothing")
    monkeypatch.setenv("PATH", str(tmp_path))
    device = NoticeOfDevice(keep, "lamp_pin=GPIO17", "buzzer_pin=GPIO27", "voice=espeak")
    assert eventually(lambda: "voice" in device.problems.text)
    assert device.put(10.0, unmasked=True).state is NoticeState.ON
    for part, fix in (("lamp", "python3-lgpio"), ("buzzer", "GPIO27"), ("voice", "apt install espeak-ng")):
        assert f"{part}: " in device.problems.text
        assert fix in device.problems.text


def test_a_viewer_without_the_banner_gets_the_scene_without_its_notice():
    kept = fakes.KeepingSink()
    scene = replace(fakes.scene((fakes.track(),)), notice=fakes.notice(NoticeState.ON, "keep apart", volume=0.5))
    WithoutNotice(kept).put(scene)
    assert kept.scenes[0].notice == Notice()
    assert kept.scenes[0].tracks == scene.tracks


def test_a_run_publishes_the_notice_and_the_problems_of_its_outputs(mosquitto, tmp_path):
    ear = Ear(mosquitto.port)
    broken = ("--set", f"notice.voice={tmp_path}/none.wav", "--set", "notice.sign=on")
    watch = Watch("--source", "demo", *broken, *on(mosquitto))
    assert eventually(lambda: ear.of("notice"), 40)
    first = json.loads(ear.of("notice")[0])
    assert (first["state"], first["phrase"], first["language"]) == ("on", PLEASE["en"], "en")
    problems = [json.loads(text)["text"] for text in ear.of("problem/notice") if text]
    assert [text for text in problems if "voice: cannot speak: " in text and "notice.voice" in text]
    assert [text for text in problems if "sign: there is no display; fix: run `maskwatch sign --stay`" in text]
    code, _, err = watch.end()
    assert eventually(lambda: json.loads(ear.of("notice")[-1])["state"] == "off")
    ear.close()
    assert (code, "Traceback" in err) == (0, False)
    assert err.count("notice: voice: ") == 1


def test_a_run_with_notices_off_publishes_alerts_and_no_notice(mosquitto):
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


def test_every_notice_reaches_each_output_though_there_is_no_broker(tmp_path):
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
