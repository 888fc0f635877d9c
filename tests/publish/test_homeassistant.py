"""Home Assistant's discovery message: its published rules, its templates, real brokers, and Home Assistant itself.

The last wants a Python with the package `homeassistant`, named by MASKWATCH_HOMEASSISTANT_PYTHON.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.app.commands import PROFILES
from edge.data import EventType
from edge.publish.command import CommandReceiver
from edge.publish.homeassistant import Discovery, device_id, discovery_of
from edge.publish.incoming import Incoming
from edge.publish.message import Message
from edge.publish.test_alert import build_test_alert
from edge.settings.load import load
from tests.support import fakes
from tests.support.commands import COMMANDS
from tests.support.contract import Contract, Heard, OpenEar
from tests.support.device import TOP, end, kind, wait_for, watch
from tests.support.drift import drift_report
from tests.support.fakes import eventually
from tests.support.messages import MODEL, alert, sender
from tests.support.ports import free_port
from tests.support.program import ROOT

CONFIG = "homeassistant/device/maskwatch-stop-7-main/config"
CORE = os.environ.get("MASKWATCH_HOMEASSISTANT_PYTHON", "")


def announced(*, commands: bool = True, snapshot: bool = True, drift: bool = True, who=None) -> dict:
    accepted = COMMANDS.values() if commands else ()
    message = Discovery("homeassistant").message(who or sender(), accepted, snapshot=snapshot, drift=drift)
    assert Contract().faults(Heard(message.topic, message.payload, message.qos, message.retain)) == []
    return json.loads(message.payload)


NEEDED = {
    "binary_sensor": {"state_topic"},
    "button": {"command_topic"},
    "event": {"state_topic", "event_types"},
    "image": {"image_topic"},
    "number": {"command_topic"},
    "select": {"command_topic", "options"},
    "sensor": {"state_topic"},
    "switch": {"command_topic"},
}
"""Source: Home Assistant, MQTT integration, the page of each platform: its required variables."""


def test_the_message_keeps_the_rules_of_device_discovery():
    body = announced()
    assert {"dev", "o", "cmps"} <= body.keys()
    assert body["dev"]["ids"]
    assert body["o"]["name"]
    for key, component in body["cmps"].items():
        assert component.keys() >= {"p", "unique_id", "name"} | NEEDED[component["p"]], key
    ids = [component["unique_id"] for component in body["cmps"].values()]
    assert len(set(ids)) == len(ids)
    assert {component["p"] for component in body["cmps"].values()} == NEEDED.keys()


def named(device: str, camera: str = "main") -> str:
    return device_id(replace(sender(), device=device, camera=camera))


NAME = st.text(st.characters(exclude_characters="/+#\0", exclude_categories=["Z", "C"]), min_size=1, max_size=64)


@given(NAME, NAME)
def test_the_device_id_holds_only_what_home_assistant_allows(device, camera):
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", named(device, camera))


def test_a_strange_name_keeps_the_rules_too():
    announced(who=replace(sender(), device="Bus-Stop.Süd", camera="a b"))


STRANGE = ["站一", "站二", "站", "__", "stop.7", "stop_7", "stop:7", "stop~7", "Süd", "Sud", "S_d", "Su\u0308d", "…"]


def test_names_that_differ_only_in_what_ids_cannot_hold_are_two_devices_with_entities_of_their_own():
    assert len({named(name) for name in STRANGE} | {named("d", name) for name in STRANGE}) == 2 * len(STRANGE)
    announcements = [announced(who=replace(sender(), device=name)) for name in STRANGE]
    ids = [component["unique_id"] for body in announcements for component in body["cmps"].values()]
    assert len(set(ids)) == len(ids)


@given(NAME, NAME)
def test_no_two_names_of_a_device_share_an_id(one, other):
    assert (named(one) == named(other)) == (one == other)


@pytest.mark.parametrize(
    ("device", "camera", "topic"),
    [
        ("stop-7", "main", "ha/device/stop-7/config"),
        ("stop-7", "door", "ha/device/stop-7/door/config"),
        ("stop-7", "tür", f"ha/device/stop-7/t_r-{hashlib.sha256('tür'.encode()).hexdigest()[:12]}/config"),
        ("stop.7", "main", f"ha/device/{named('stop.7')}/config"),
    ],
)
def test_a_device_that_is_a_user_of_its_name_announces_itself_below_that(device, camera, topic):
    who = replace(sender(), device=device, camera=camera)
    assert Discovery("ha", own_user=True).topic(who) == topic
    assert Discovery("ha").topic(who) == f"ha/device/{device_id(who)}/config"


def test_an_id_is_the_same_in_every_version():
    """A changed id is a new device in Home Assistant, and the history of the old one is lost."""
    assert named("stop-7") == "maskwatch-stop-7-main"
    assert named("Stop_7", "front-door") == "maskwatch-Stop_7-front-door"
    assert named("站一") == "maskwatch-__-main-3862c1f3fd3b"
    assert named("stop.7") == "maskwatch-stop_7-main-b30e99c6c6d5"


def test_every_topic_of_an_entity_is_one_of_the_contract():
    agreed = Contract()
    for key, component in announced()["cmps"].items():
        for name in ("state_topic", "command_topic", "image_topic"):
            assert name not in component or agreed.row(component[name]), (key, name)


def test_entities_that_command_are_there_only_where_commands_are_taken_and_a_picture_only_where_one_is_sent():
    most, least = set(announced()["cmps"]), set(announced(commands=False, snapshot=False)["cmps"])
    assert most - least == {"notice", "dwell", "profile", "test_alert", "snapshot"}
    without = {c["p"] for c in announced(commands=False, snapshot=False)["cmps"].values()}
    assert without == {"binary_sensor", "sensor", "event"}


def test_the_entities_of_drift_are_there_only_where_it_is_watched():
    assert set(announced()["cmps"]) - set(announced(drift=False)["cmps"]) == {"accuracy", "drift"}


@pytest.mark.parametrize(
    ("faces", "darker", "accuracy", "drift"),
    [(0, 0, False, "OFF"), (1500, 0, True, "OFF"), (1500, 300, True, "ON")],
)
def test_the_entities_of_drift_read_what_is_published(faces, darker, accuracy, drift):
    body = drift_report(faces, darker)
    report = sender().report("drift", body).payload
    assert render("accuracy", report) == (str(round(100 * body["accuracy"]["estimate"], 1)) if accuracy else "None")
    assert render("drift", report) == drift


def test_drift_that_has_not_lasted_yet_is_no_problem_in_home_assistant():
    report = sender().report("drift", drift_report(1500, 300, persist_s=3600.0)).payload
    assert (json.loads(report)["state"], render("drift", report)) == ("drift", "OFF")


def test_without_a_reference_the_entities_of_drift_have_a_state_too():
    report = sender().report("drift", {"state": "no_reference"}).payload
    assert (render("accuracy", report), render("drift", report)) == ("None", "OFF")


def test_a_switch_a_number_a_select_and_a_button_say_what_the_commands_take():
    components = announced()["cmps"]
    commanding = {
        c["command_topic"].removeprefix(f"{TOP}/").removesuffix("/set")
        for c in components.values()
        if "command_topic" in c
    }
    assert commanding == COMMANDS.keys()
    assert components["profile"]["options"] == list(PROFILES)
    assert (components["dwell"]["min"], components["dwell"]["max"]) == (0, 86_400)


def render(key: str, payload: bytes | str, **more: object) -> str:
    """Render an entity's template as Home Assistant does: `value` and, where it is JSON, `value_json`."""
    text = payload if isinstance(payload, str) else payload.decode()
    with suppress(ValueError):
        more["value_json"] = json.loads(text)
    template = announced()["cmps"][key]["value_template"]
    return (
        jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
        .from_string(template)
        .render(value=text, **more)
    )


class This:
    """Home Assistant's `this`: the entity as it was before."""

    def __init__(self, **attributes: object) -> None:
        self.attributes = attributes


def test_an_alert_fires_its_event_once_and_never_late():
    payload = sender().alert(alert(), fakes.scene(decided_at=100.0), MODEL).now(sender().clock).payload
    fired = json.loads(render("alert", payload, this=This()))
    assert (fired["event_type"], fired["seq"], fired["label"]) == ("start", 0, "without_mask")
    assert json.loads(render("alert", payload))["event_type"] == "start"
    assert render("alert", payload, this=This(event_id="e1", seq=0)).strip() == ""
    assert json.loads(render("alert", payload, this=This(event_id="e1", seq=1)))["seq"] == 0
    assert render("alert", json.dumps({**json.loads(payload), "delayed": True}), this=This()).strip() == ""


def test_every_event_type_is_one_that_the_entity_knows():
    known = announced()["cmps"]["alert"]["event_types"]
    test_alert = json.loads(build_test_alert(sender(), MODEL).payload)["event_type"]
    assert {kind.value for kind in EventType} | {test_alert} == set(known)


def test_the_templates_read_what_is_published():
    who = sender()
    counts = dict(zip(("with_mask", "without_mask", "incorrect_mask", "unsure"), (3, 4, 5, 6), strict=True))
    entries = {"with_mask": 10, "without_mask": 20, "incorrect_mask": 3}
    count = who.count(counts, entries, 10).payload
    assert [render(key, count) for key in counts] == ["3", "4", "5", "6"]
    assert render("entries", count) == "33"
    body = {"fps_hz": 12.5, "latency_ms": 30.1, "temperature_c": None, "outbox": {"state": "disk"}}
    stats = who.stats(body, 10).payload
    assert [render(key, stats) for key in ("fps", "latency", "temperature", "outbox")] == [
        "12.5",
        "30.1",
        "None",
        "OFF",
    ]
    for state, shown in [
        ("memory", "OFF"),
        ("memory only: disk full", "ON"),
        ("disk, a damaged file was set aside", "OFF"),
    ]:
        assert render("outbox", who.stats({"outbox": {"state": state}}, 10).payload) == shown
    assert render("camera", who.health("ok", "").payload) == "OFF"
    assert render("camera", who.health("dark", "").payload) == "ON"
    assert [render("link", word) for word in ("online", "offline")] == ["ON", "OFF"]


def test_a_home_assistant_that_has_started_is_sent_the_announcement_again_but_not_for_a_retained_message_or_a_flood():
    sent: list[Message] = []
    discovery = Discovery("homeassistant")
    announcement = discovery.message(sender(), (), snapshot=False)
    incoming = Incoming(sender(), CommandReceiver(sent.append), discovery, announcement, sent.append)
    incoming.receive("homeassistant/status", b"online", retained=True)
    incoming.receive("homeassistant/status", b"offline", retained=False)
    incoming.receive("elsewhere/status", b"online", retained=False)
    assert sent == []
    for _ in range(50):
        incoming.receive("homeassistant/status", b"online", retained=False)
    assert [message.topic for message in sent] == [CONFIG] * 2


@pytest.mark.timeout(180)
def test_a_broker_that_lost_its_state_and_a_home_assistant_that_starts_get_all_entities_back(tmp_path, mosquitto):
    file, ear = tmp_path / "config.toml", OpenEar(mosquitto.port)
    file.write_text("")
    process = watch(mosquitto, "stop-7", "usb:63", tmp_path / "outbox.db")
    wait_for(ear, CONFIG, bool)
    mosquitto.stop()
    mark = len(ear.heard)
    mosquitto.start()
    for topic in (CONFIG, f"{TOP}/status", f"{TOP}/notice/state", f"{TOP}/camera/main/health", f"{TOP}/model/active"):
        wait_for(ear, topic, bool, mark)
    mark = len(ear.heard)
    ear.publish("homeassistant/status", "online")
    wait_for(ear, CONFIG, bool, mark)
    end(process)
    late = OpenEar(mosquitto.port)
    assert eventually(lambda: late.of(CONFIG) == ear.of(CONFIG)[-1:]), "it is retained"
    late.close()
    ear.close()


class HomeAssistant:
    """A running Home Assistant, and what its dashboard shows."""

    def __init__(self, port: int, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "configuration.yaml").touch()
        script = ROOT / "tests/support/homeassistant_core.py"
        self._log = (folder / "log").open("a")
        self._process = subprocess.Popen(
            [CORE, str(script), str(port), str(folder), str(free_port())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.entities: dict[str, dict] = {}
        self.devices: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def state(self, key: str) -> str:
        return self.entities.get(f"maskwatch-stop-7-main-{key}", {}).get("state", "none")

    def attributes(self, key: str) -> dict:
        return self.entities.get(f"maskwatch-stop-7-main-{key}", {}).get("attributes", {})

    def entity(self, key: str) -> str:
        name = self.attributes(key)["friendly_name"]
        domain = self.entities[f"maskwatch-stop-7-main-{key}"]["domain"]
        return f"{domain}.{re.sub('[^a-z0-9]+', '_', name.lower())}"

    def call(self, service: str, key: str, **more: object) -> None:
        line = json.dumps({"entity_id": self.entity(key), **more})
        self._process.stdin.write(f"{service} {line}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._reader.join(5)
        self._log.close()

    def _read(self) -> None:
        for line in self._process.stdout:
            update = json.loads(line)
            self.entities, self.devices = update["entities"], update["devices"]


@contextmanager
def at_home(port: int, folder: Path) -> Iterator[HomeAssistant]:
    home = HomeAssistant(port, folder)
    try:
        yield home
    finally:
        home.close()


WRONG = ("Invalid", "TemplateError", "Exception in")
ALIVE = ("unmasked", "camera", "outbox", "link", "drift", "with_mask", "entries", "fps", "latency")
ALIVE += ("notice", "dwell", "profile")


def all_there(home: HomeAssistant) -> bool:
    return all(home.state(key) not in ("none", "unknown", "unavailable") for key in ALIVE)


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.skipif(
    not CORE, reason="MASKWATCH_HOMEASSISTANT_PYTHON names no Python that has the package homeassistant"
)
def test_home_assistant_itself_makes_the_entities_commands_through_them_and_gets_them_back(tmp_path, mosquitto):
    ear, process = OpenEar(mosquitto.port), watch(mosquitto, "stop-7", "demo", tmp_path / "outbox.db")
    wait_for(ear, CONFIG, bool)
    with at_home(mosquitto.port, tmp_path / "home") as home:
        assert eventually(lambda: all_there(home), 60), home.entities
        assert len(home.entities) == 19
        assert eventually(lambda: home.attributes("alert").get("event_type") == "start", 40)
        assert home.state("unmasked") == "on"
        assert home.attributes("alert")["label"] == "without_mask"
        home.call("button press", "test_alert")
        wait_for(ear, f"{TOP}/camera/main/alert", kind("test"))
        assert eventually(lambda: home.attributes("alert").get("event_type") in ("test", "end"))
        home.call("switch turn_off", "notice")
        assert eventually(lambda: home.state("notice") == "off")
        home.call("number set_value", "dwell", value=2.5)
        assert eventually(lambda: home.state("dwell") == "2.5", 30)
        home.call("select select_option", "profile", option="quality")
        assert eventually(lambda: home.state("profile") == "quality", 30)
        mosquitto.stop()
        assert eventually(lambda: home.state("unmasked") == "unavailable", 30)
        mosquitto.start()
        assert eventually(lambda: all_there(home), 90), home.entities
        assert (home.state("dwell"), home.state("link")) == ("2.5", "on")
    with at_home(mosquitto.port, tmp_path / "home") as home:
        assert eventually(lambda: all_there(home), 120), home.entities
        process.kill()
        process.communicate()
        assert eventually(lambda: (home.state("fps"), home.state("link")) == ("unavailable", "off"), 30)
    ear.close()
    log = (tmp_path / "home/log").read_text()
    assert [word for word in WRONG if word in log] == [], log
    assert "maskwatch" not in "".join(line for line in log.splitlines() if "WARNING" in line)


def ids(*keys: str, device: str = "maskwatch-stop-7-main") -> set[str]:
    return {f"{device}-{key}" for key in keys}


EVER = set(announced()["cmps"])
COMMANDING = {"notice", "dwell", "profile", "test_alert"}
STEPS = [
    ("all", ("mqtt.snapshot=true",), ids(*EVER)),
    ("no snapshot", (), ids(*EVER - {"snapshot"})),
    ("no drift", ("drift.enabled=false",), ids(*EVER - {"snapshot", "accuracy", "drift"})),
    ("no commands", ("mqtt.commands=off",), ids(*EVER - {"snapshot"} - COMMANDING)),
    ("commands again", (), ids(*EVER - {"snapshot"})),
    ("a user of its own", ("mqtt.user=stop-7",), ids(*EVER - {"snapshot"})),
    ("another device name", ("device.name=站一",), ids(*EVER - {"snapshot"}, device=named("站一"))),
    ("another camera name", ("camera.name=door",), ids(*EVER - {"snapshot"}, device="maskwatch-stop-7-door")),
    ("discovery off", ("homeassistant.discovery=false",), set()),
]
"""Starts with other settings, one after the other, and the entities that Home Assistant then has."""


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not CORE, reason="MASKWATCH_HOMEASSISTANT_PYTHON names no Python that has the package homeassistant"
)
def test_home_assistant_itself_has_what_is_announced_and_nothing_that_was(tmp_path, mosquitto, capsys):
    lines = []
    with at_home(mosquitto.port, tmp_path / "home") as home:
        for name, more, expected in STEPS:
            process = watch(mosquitto, "stop-7", "usb:63", tmp_path / "outbox.db", *more)
            reached = eventually(lambda expected=expected: set(home.entities) == expected, 30)
            lines.append(f"{name}: {len(home.entities)} entities of {home.devices}")
            assert reached, (name, set(home.entities) ^ expected)
            names = {entity.rpartition("-")[0] for entity in expected}
            assert names == set(home.devices)
            for entity in ids("link", device=next(iter(names), "")) & expected:
                assert eventually(lambda entity=entity: home.entities[entity]["state"] == "on", 20), (
                    name,
                    home.entities,
                )
            process.kill()
            process.communicate()
    with at_home(mosquitto.port, tmp_path / "home") as home:
        assert eventually(lambda: home.devices == [] and home.entities == {}, 30)
    log = (tmp_path / "home/log").read_text()
    assert [word for word in (*WRONG, "already exists", "value_json") if word in log] == [], log
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *lines, ""]))


@pytest.mark.parametrize(
    ("overrides", "found"),
    [
        (["mqtt.user=stop-7"], Discovery("homeassistant", own_user=True)),
        (["mqtt.user=stop-8"], Discovery("homeassistant")),
        (["mqtt.user=a"], Discovery("homeassistant")),
        (["homeassistant.prefix=ha"], Discovery("ha")),
        (["homeassistant.discovery=false", "mqtt.user=stop-7"], Discovery()),
    ],
)
def test_a_device_has_a_topic_of_its_own_only_where_the_broker_knows_it_by_its_name(overrides, found):
    assert (
        discovery_of(load(overrides=["device.name=stop-7", "homeassistant.discovery=true", *overrides]).settings)
        == found
    )
