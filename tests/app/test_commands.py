"""A command is one value: its topics, its state, its effect and its entity in Home Assistant follow from it."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest

from edge.app import mqtt
from edge.app.commands import build_commands
from edge.app.components import Components
from edge.app.notice import build_notice_policy
from edge.publish.broker import broker_of
from edge.publish.command import Command, one_of
from edge.settings.load import load
from edge.stages import Models
from tests.support import fakes
from tests.support.commands import COMMANDS
from tests.support.contract import SCHEMAS, Contract, OpenEar
from tests.support.device import TOP
from tests.support.driver import NoProblems
from tests.support.fakes import eventually
from tests.support.messages import MODEL

MODELS = Models(fakes.ListDetector(fakes.faces()), None, {"face": MODEL, "mask": MODEL}, (320, 256))
CONFIG = "homeassistant/device/maskwatch-stop-7-main/config"


@pytest.fixture
def keep():
    with Components() as components:
        yield components


def publisher(port: int, keep: Components, *overrides: str):
    """Return the publisher as `run` builds it, connected."""
    common = ["mqtt.host=127.0.0.1", f"mqtt.port={port}", "mqtt.outbox=memory", "device.name=stop-7"]
    settings = load(overrides=[*common, "homeassistant.discovery=true", *overrides]).settings
    process, models = mqtt.ProcessState(build_notice_policy(settings.notice)), MODELS
    broker = broker_of(settings.mqtt, "device")
    build = partial(mqtt.build_publisher, settings, broker, models, NoProblems(), process)
    made = build(lambda _key, _value: None, None, {}, keep)
    assert eventually(lambda: made.state == "online")
    return made


def test_a_fifth_command_needs_one_value_and_has_topic_state_and_entity(mosquitto, keep, monkeypatch):
    volume = ["LOW"]
    entity = {"p": "select", "name": "Volume", "options": ["LOW", "HIGH"]}
    fifth = Command(
        "notice/volume",
        parse=one_of("LOW", "HIGH"),
        apply=lambda word: volume.__setitem__(0, word),
        state=lambda: volume[0],
        entity={"volume": entity},
    )
    monkeypatch.setattr(mqtt, "build_commands", lambda *arguments: (*build_commands(*arguments), fifth))
    ear, made = OpenEar(mosquitto.port), publisher(mosquitto.port, keep)
    made.put(fakes.scene())
    assert eventually(lambda: ear.of(f"{TOP}/notice/volume/state") == [b"LOW"])
    ear.publish(f"{TOP}/notice/volume/set", "MUTE")
    ear.publish(f"{TOP}/notice/volume/set", "HIGH")
    assert eventually(lambda: volume == ["HIGH"])
    made.put(fakes.scene())
    assert eventually(lambda: ear.of(f"{TOP}/notice/volume/state") == [b"LOW", b"HIGH"])
    shown = json.loads(ear.of(CONFIG)[-1])["cmps"]["volume"]
    ear.close()
    assert shown == {
        **entity,
        "command_topic": f"{TOP}/notice/volume/set",
        "state_topic": f"{TOP}/notice/volume/state",
        "qos": 1,
        "unique_id": "maskwatch-stop-7-main-volume",
    }


def test_every_command_has_its_topics_in_the_schemas_and_no_other_is_there():
    commands = COMMANDS.values()
    topics = {command.set_topic for command in commands}
    topics |= {command.state_topic for command in commands if command.state}
    documented = {row["topic"].removeprefix("maskwatch/1/{device}/") for row in Contract().topics}
    assert topics == {topic for topic in documented if re.search(r"/(set|state)$", topic)}, SCHEMAS


def test_where_commands_are_not_accepted_their_state_is_reported_and_no_entity_announced(mosquitto, keep):
    ear, made = OpenEar(mosquitto.port), publisher(mosquitto.port, keep, "mqtt.commands=off")
    made.put(fakes.scene())
    assert eventually(lambda: ear.of(f"{TOP}/detector/profile/state") and ear.of(CONFIG))
    ear.close()
    assert [key for key, part in json.loads(ear.of(CONFIG)[-1])["cmps"].items() if "command_topic" in part] == []
