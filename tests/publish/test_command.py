"""Commands over MQTT: what is taken, what is refused, and that nothing else is changed."""

from __future__ import annotations

import json
import random
import subprocess
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.app.commands import DWELL_MAX_S, PROFILES
from edge.publish.broker import Broker, takes_commands
from edge.publish.command import Command, CommandReceiver, TokenBucket, one_of, parse_number
from edge.publish.message import Message
from edge.publish.mqtt import ONLINE, MqttLink
from edge.settings.load import load
from tests.support.commands import COMMANDS, commands_of
from tests.support.contract import SCHEMAS, OpenEar
from tests.support.device import TOP, end, wait_for, watch
from tests.support.fakes import FakeClock, eventually
from tests.support.mosquitto import Mosquitto
from tests.support.needs import need
from tests.support.ports import answers, free_port
from tests.support.service import Ear, Watch, known


def receiver(commands=(), clock=None) -> CommandReceiver:
    """Return a receiver below `top/`."""
    made = CommandReceiver(lambda _message: None, TokenBucket(monotonic=clock or FakeClock()))
    made.adopt(commands, "top/{}".format)
    return made


class Effects:
    """Keeps what was carried out."""

    def __init__(self, clock=None) -> None:
        self.done: list[tuple[str, object]] = []
        commands = [replace(command, apply=partial(self._keep, key)) for key, command in COMMANDS.items()]
        self.commands = receiver(commands, clock)

    def _keep(self, key: str, value: object) -> None:
        self.done.append((key, value))

    def receive(self, key: str, payload: bytes, *, retained: bool = False) -> list[tuple[str, object]]:
        before = len(self.done)
        self.commands.receive(f"top/{key}/set", payload, retained=retained)
        return self.done[before:]


GOOD = [
    ("notice", b"ON", "ON"),
    ("notice", b"OFF", "OFF"),
    ("alert/dwell_s", b"2", 2.0),
    ("alert/dwell_s", b"0.5", 0.5),
    ("alert/dwell_s", b"1e1", 10.0),
    ("alert/dwell_s", b"-1", -1.0),  # a number; the settings refuse one out of range
    ("detector/profile", b"quality", "quality"),
    ("detector/profile", b"balanced", "balanced"),
    ("test_alert", b"PRESS", "PRESS"),
]


@pytest.mark.parametrize(("key", "payload", "value"), GOOD)
def test_a_command_that_matches_exactly_is_carried_out(key, payload, value):
    effects = Effects()
    assert effects.receive(key, payload) == [(key, value)]
    assert (effects.commands.accepted, effects.commands.refused) == (1, 0)


BAD = [
    *[("notice", payload) for payload in (b"", b"on", b"ON ", b"ON\n", b"1", b"true", b'"ON"', "\uff2fN".encode())],
    *[("alert/dwell_s", p) for p in (b"", b" 1", b"1 ", b"+1", b"01", b".5", b"1.", b"0x1", b"1_0", b"true", b"null")],
    *[("alert/dwell_s", p) for p in (b"NaN", b"nan", b"Infinity", b"1e999", b"-1e999", b'"1"', b"[1]", b'{"v":1}')],
    *[("alert/dwell_s", p) for p in (b"1\n", "\u0661".encode(), b"\xff", b"1\x00", b"1" * 65, b"[" * 60)],
    *[("detector/profile", p) for p in (b"fast", b"../live", b"/etc/passwd", b"live;reboot", b"$(id)", b"LIVE")],
    *[("test_alert", p) for p in (b"", b"press", b"PRESS" * 20_000)],
]


@pytest.mark.parametrize(("key", "payload"), BAD, ids=range(len(BAD)))
def test_anything_else_is_refused_and_counted(key, payload):
    effects = Effects()
    assert effects.receive(key, payload) == []
    assert (effects.commands.accepted, effects.commands.refused) == (0, 1)


def test_a_retained_command_is_an_old_one():
    assert Effects().receive("notice", b"OFF", retained=True) == []


@pytest.mark.parametrize(
    "topic", ["top/notice", "top/other/set", "notice/set", "", "top/notice/set/", "top/NOTICE/set"]
)
def test_a_message_on_another_topic_is_ignored(topic):
    effects = Effects()
    effects.commands.receive(topic, b"ON", retained=False)
    assert (effects.done, effects.commands.refused) == ([], 0)


def test_of_a_flood_ten_pass_at_once_and_then_one_per_second_and_it_is_logged_once(caplog):
    clock = FakeClock()
    effects = Effects(clock)
    for _ in range(1000):
        effects.receive("notice", b"ON")
    assert len(effects.done) == 10
    assert caplog.text.count("too many commands") == 1
    clock.now += 3
    for _ in range(1000):
        effects.receive("notice", b"ON")
    assert len(effects.done) == 13
    assert caplog.text.count("too many commands") == 1


def test_a_reload_gives_a_flood_no_new_room():
    done = []
    command = Command("notice", one_of("ON", "OFF"), done.append)
    commands = receiver([command])
    for _ in range(5):
        commands.receive("top/notice/set", b"ON", retained=False)
    commands.adopt([command], "top/{}".format)
    for _ in range(100):
        commands.receive("top/notice/set", b"ON", retained=False)
    assert (len(done), commands.accepted, commands.refused) == (10, 10, 95)


def test_a_bucket_never_holds_more_than_its_size():
    clock = FakeClock()
    bucket = TokenBucket(2, 1.0, clock)
    clock.now += 1e6
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_what_a_stranger_wrote_is_not_logged(caplog):
    caplog.set_level("DEBUG")
    Effects().receive("notice", b"\x1b[2Jforged line")
    assert "forged" not in caplog.text
    assert "notice: refused" in caplog.text


@given(st.binary(max_size=80))
def test_no_bytes_break_the_parsers(payload):
    for key in COMMANDS:
        Effects().receive(key, payload)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_json_number_is_read_as_json_reads_it(value):
    assert parse_number(json.dumps(value).encode()) == value


def anything(dice: random.Random) -> tuple[str, bytes, bool]:
    """Return a topic below top/, a payload and the retained flag: mostly near the truth, so that it can be missed."""
    key = dice.choice([*COMMANDS, *COMMANDS, "notice/state", "camera/main/alert", "model", "..", "status", "é"])
    words = [
        "ON",
        "OFF",
        "on",
        "PRESS",
        "live",
        "quality",
        "NaN",
        "1e999",
        "null",
        "true",
        "../../etc/passwd",
        "\uff2f\uff2e",
        "\u0661",
    ]
    made = [
        lambda: dice.randbytes(dice.randrange(80)),
        lambda: dice.choice(words).encode(),
        lambda: json.dumps(dice.uniform(-1e5, 1e5)).encode(),
        lambda: json.dumps({"dwell_s": [dice.random()] * dice.randrange(5)}).encode(),
        lambda: b"[" * dice.randrange(100_000),
        lambda: dice.choice([b" ", b"\n", b"\0", b"+"]) + str(dice.randrange(9)).encode(),
    ]
    return key, dice.choice(made)(), dice.random() < 0.2


def allowed(key: str, payload: bytes) -> bool:
    """Return whether a command may be carried out, by rules written a second time."""
    if len(payload) > 64 or key not in COMMANDS:
        return False
    if key == "alert/dwell_s":
        text = payload.decode("ascii", "replace")
        try:
            number = json.loads(text, parse_constant=lambda _name: "none")
        except ValueError:
            return False
        plain = isinstance(number, int | float) and not isinstance(number, bool) and text == text.strip()
        return plain and abs(float(number)) < float("inf")
    words = {"notice": {"ON", "OFF"}, "test_alert": {"PRESS"}, "detector/profile": set(PROFILES)}
    return payload in {word.encode() for word in words[key]}


def test_in_aggregate_mode_there_is_no_command():
    assert commands_of("privacy.aggregate=true") == ()


def test_of_ten_thousand_random_commands_exactly_the_right_ones_are_carried_out():
    dice, clock = random.Random(5), FakeClock()
    effects, right = Effects(clock), 0
    for _ in range(10_000):
        clock.now += 2.0
        key, payload, retained = anything(dice)
        done = effects.receive(key, payload, retained=retained)
        assert bool(done) == (allowed(key, payload) and not retained), (key, payload[:80], retained)
        right += bool(done)
    assert 150 < right < 5000


@pytest.mark.parametrize(
    ("overrides", "takes"),
    [
        (["mqtt.host=embedded"], True),
        (["mqtt.host=127.0.0.1"], True),
        (["mqtt.host=broker.example"], False),
        (["mqtt.host=broker.example", "mqtt.user=u"], True),
        (["mqtt.host=broker.example", "mqtt.cert_file=c"], True),
        (["mqtt.host=broker.example", "mqtt.commands=on"], True),
        (["mqtt.host=127.0.0.1", "mqtt.commands=off"], False),
    ],
)
def test_commands_are_taken_where_no_stranger_can_send_them(overrides, takes):
    assert takes_commands(load(overrides=overrides).settings.mqtt) is takes


def settings_of(ear: OpenEar) -> str:
    return json.loads(ear.of(f"{TOP}/info")[-1])["settings_sha256"]


@pytest.mark.timeout(180)
def test_commands_change_their_setting_and_hundreds_of_wrong_ones_change_nothing(tmp_path, mosquitto):
    ear, dice = OpenEar(mosquitto.port), random.Random(7)
    ear.publish(f"{TOP}/notice/set", "OFF", retain=True)
    process = watch(mosquitto, "stop-7", "demo", tmp_path / "outbox.db", "detector.profile=live")
    wait_for(ear, f"{TOP}/notice/state", b"ON".__eq__)
    before, models = settings_of(ear), json.loads(ear.of(f"{TOP}/model/active")[-1])["models"]
    for _ in range(400):
        key, payload, retained = anything(dice)
        if not allowed(key, payload) and key in COMMANDS:
            ear.publish(f"{TOP}/{key}/set", payload, retain=retained)
    ear.publish(f"{TOP}/notice/set", "", retain=True)
    mark = len(ear.heard)
    wait_for(ear, f"{TOP}/stats", lambda payload: json.loads(payload)["commands"]["refused"] > 50, mark)
    assert json.loads(ear.of(f"{TOP}/stats")[-1])["commands"]["taken"] == 0
    assert ear.of(f"{TOP}/notice/state") == [b"ON"]
    assert settings_of(ear) == before
    assert ear.of(f"{TOP}/status") == [b"online"]

    ear.publish(f"{TOP}/notice/set", "OFF")
    wait_for(ear, f"{TOP}/notice/state", b"OFF".__eq__)
    assert ear.of(f"{TOP}/status") == [b"online"], "a switch begins no new round"
    ear.publish(f"{TOP}/alert/dwell_s/set", str(DWELL_MAX_S + 1))
    wait_for(ear, f"{TOP}/problem/settings", bool)
    assert "alert.dwell_s" in json.loads(ear.of(f"{TOP}/problem/settings")[-1])["text"]
    assert ear.of(f"{TOP}/alert/dwell_s/state") == [b"1.0"]
    ear.publish(f"{TOP}/alert/dwell_s/set", "2.5")
    wait_for(ear, f"{TOP}/alert/dwell_s/state", b"2.5".__eq__)
    assert settings_of(ear) != before
    assert eventually(lambda: ear.of(f"{TOP}/problem/settings")[-1] == b"")
    ear.publish(f"{TOP}/detector/profile/set", "quality")
    wait_for(ear, f"{TOP}/detector/profile/state", b"quality".__eq__)
    assert json.loads(ear.of(f"{TOP}/model/active")[-1])["models"] != models
    assert ear.of(f"{TOP}/alert/dwell_s/state")[-1] == b"2.5", "an earlier command lasts"
    assert ear.of(f"{TOP}/notice/state")[-1] == b"OFF", "and so does the switch"
    end(process)
    ear.close()


def test_a_test_alert_says_so_and_never_sets_unmasked(tmp_path, mosquitto):
    ear = OpenEar(mosquitto.port)
    process = watch(mosquitto, "stop-7", "usb:63", tmp_path / "outbox.db")
    wait_for(ear, f"{TOP}/stats", bool)
    ear.publish(f"{TOP}/test_alert/set", "PRESS")
    wait_for(ear, f"{TOP}/camera/main/alert", bool)
    alert = json.loads(ear.of(f"{TOP}/camera/main/alert")[0])
    assert (alert["event_type"], alert["label"], alert["delayed"]) == ("test", "unsure", False)
    end(process)
    assert set(ear.of(f"{TOP}/camera/main/unmasked")) == {b"OFF"}
    assert len(ear.of(f"{TOP}/camera/main/alert")) == 1, "no episode was behind it that would end"
    ear.close()


def test_a_first_run_with_a_broker_of_its_own_takes_commands(tmp_path):
    port = free_port()
    process = Watch("--source", "usb:63", "--set", f"mqtt.port={port}", XDG_STATE_HOME=str(tmp_path))
    assert eventually(lambda: answers(port), 30)
    ear, sender = Ear(port, **known(tmp_path)), MqttLink(Broker("127.0.0.1", port, "operator", **known(tmp_path)))
    sender.start()
    assert eventually(lambda: ear.of("notice/state") == [b"ON"] and sender.state == ONLINE, 30)
    sender.send(Message(f"{TOP}/notice/set", b"OFF", 1))
    assert eventually(lambda: ear.of("notice/state")[-1] == b"OFF")
    process.end()
    sender.close()
    ear.close()


def test_a_service_that_accepts_no_commands_subscribes_to_nothing(tmp_path):
    log = tmp_path / "broker.log"
    broker = Mosquitto(tmp_path, f"log_dest file {log}", "log_type all")
    broker.start()
    ear = OpenEar(broker.port)
    more = ("mqtt.commands=off", "homeassistant.discovery=false")
    process = watch(broker, "stop-7", "usb:63", tmp_path / "outbox.db", *more)
    wait_for(ear, f"{TOP}/stats", bool)
    ear.publish(f"{TOP}/test_alert/set", "PRESS")
    ear.publish(f"{TOP}/notice/set", "OFF")
    wait_for(ear, f"{TOP}/stats", bool, len(ear.heard) + 1)
    end(process)
    ear.close()
    broker.stop()
    assert "Received SUBSCRIBE from maskwatch-stop-7" not in log.read_text()
    assert ear.of(f"{TOP}/camera/main/alert") == []
    assert ear.of(f"{TOP}/notice/state") == [b"ON"]


def test_with_the_documented_acl_only_the_operator_may_command(tmp_path):
    text = (SCHEMAS.parent / "broker.md").read_text()
    acl, secrets = tmp_path / "acl", tmp_path / "passwords"
    acl.write_text(text.split("# /etc/mosquitto/acl\n")[1].split("\n\n")[0].replace("    ", ""))
    for number, user in enumerate(("stop-7", "stop-8", "operator")):
        new = ["-c"] if number == 0 else []
        subprocess.run(
            [need("mosquitto_passwd"), "-b", *new, str(secrets), user, user], check=True, stderr=subprocess.DEVNULL
        )
    for file in (acl, secrets):
        file.chmod(0o644)
    tmp_path.chmod(0o755)
    password = tmp_path / "device-password"
    password.write_text("stop-7")
    password.chmod(0o600)
    broker = Mosquitto(tmp_path, f"password_file {secrets}", f"acl_file {acl}")
    broker.start()
    operator, neighbour = (OpenEar(broker.port, user, user) for user in ("operator", "stop-8"))
    more = ("mqtt.user=stop-7", f"mqtt.password_file={password}")
    process = watch(broker, "stop-7", "usb:63", tmp_path / "outbox.db", *more)
    wait_for(operator, f"{TOP}/notice/state", b"ON".__eq__)
    neighbour.publish(f"{TOP}/notice/set", "OFF")
    neighbour.publish("maskwatch/1/stop-8/status", "online")
    wait_for(operator, "maskwatch/1/stop-8/status", bool)
    assert operator.of(f"{TOP}/notice/state") == [b"ON"]
    assert [heard for heard in neighbour.heard if "stop-7" in heard.topic] == []
    operator.publish(f"{TOP}/notice/set", "OFF")
    wait_for(operator, f"{TOP}/notice/state", b"OFF".__eq__)
    end(process)
    for ear in (operator, neighbour):
        ear.close()
    broker.stop()
