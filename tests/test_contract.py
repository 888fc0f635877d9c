"""What is really published keeps the contract of docs/mqtt.md: each message, its QoS, its retained flag, its expiry."""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from edge.app.commands import DWELL_MAX_S, DWELL_MIN_S, PROFILES
from tests.support.contract import SCHEMAS, Contract, OpenEar, validator
from tests.support.device import TOP, end, kind, wait_for, watch
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto

OPTIONAL = ("camera/{camera}/snapshot", "camera/{camera}/aggregate", "model/compare")
"""What is published only where the settings ask for it, or with a challenger."""


def open_episodes(ear: OpenEar, since: int) -> set[str]:
    """Return the episodes of which a start was heard since then, and no end: what was heard, the outbox holds."""
    alert = f"{TOP}/camera/main/alert"
    lately = {json.loads(heard.payload)["event_id"] for heard in ear.heard[since:] if heard.topic == alert}
    alerts = [json.loads(payload) for payload in ear.of(alert)]
    started, ended = ({a["event_id"] for a in alerts if a["event_type"] == name} for name in ("start", "end"))
    return lately & started - ended


def play(broker: Mosquitto, folder: Path, least_s: float, pause_s: float) -> OpenEar:
    """Let two watches live through commands, a lost camera, a lost broker and a power cut, again and again."""
    ear, outbox = OpenEar(broker.port), folder / "outbox.db"
    blind = watch(broker, "stop-8", "usb:63", folder / "outbox-8.db")
    seeing = watch(broker, "stop-7", "demo", outbox)
    until = time.monotonic() + least_s
    while True:
        mark = len(ear.heard)
        wait_for(ear, f"{TOP}/camera/main/alert", kind("start"), mark)
        for key, payload in [("notice", "OFF"), ("test_alert", "PRESS"), ("notice", "ON"), ("alert/dwell_s", "86401")]:
            ear.publish(f"{TOP}/{key}/set", payload)
        wait_for(ear, f"{TOP}/camera/main/alert", kind("test"), mark)
        wait_for(ear, f"{TOP}/problem/settings", bool, mark)
        time.sleep(pause_s)
        broker.stop()
        mark = len(ear.heard)
        broker.start()
        wait_for(ear, f"{TOP}/status", b"online".__eq__, mark)
        time.sleep(pause_s)
        mark = len(ear.heard)
        ear.publish(f"{TOP}/detector/profile/set", "quality")
        wait_for(ear, f"{TOP}/detector/profile/state", b"quality".__eq__, mark)
        mark = len(ear.heard)
        assert eventually(lambda since=mark: open_episodes(ear, since), 60), ear.of(f"{TOP}/camera/main/alert")[-3:]
        seeing.kill()
        seeing.communicate()
        mark = len(ear.heard)
        seeing = watch(broker, "stop-7", "demo", outbox)
        wait_for(ear, f"{TOP}/camera/main/alert", lambda payload: json.loads(payload)["reason"] == "restart", mark)
        if time.monotonic() >= until:
            break
    end(seeing)
    end(blind)
    assert eventually(lambda: ear.of(f"{TOP}/status")[-1] == b"offline")
    ear.close()
    return ear


def unheard(ear: OpenEar, contract: Contract) -> set[str]:
    rows = [contract.row(topic) for topic in ear.counts()]
    seen = {row["topic"] for row in rows if row}
    return {row["topic"] for row in contract.topics if row["from"] == "device"} - seen


def check(ear: OpenEar) -> None:
    contract = Contract()
    assert ear.faults(contract) == []
    optional = {f"maskwatch/1/{{device}}/{name}" for name in OPTIONAL}
    assert unheard(ear, contract) == optional
    alerts = [json.loads(payload) for payload in ear.of(f"{TOP}/camera/main/alert")]
    assert {alert["event_type"] for alert in alerts} >= {"start", "end", "test"}
    assert json.loads(ear.of("maskwatch/1/stop-8/camera/main/health")[-1])["state"] == "offline"


SPELLED = {None: "-", 86_400: "24 h", "2 * mqtt.stats_s": "2 x `mqtt.stats_s`"}
MQTT_MD = (SCHEMAS.parent / "mqtt.md").read_text()


def spelled(topic: str) -> str:
    """Return a topic of topics.json as the document has it."""
    names = {"{camera}": "NAME", "{id}": "ID", "{prefix}": "PREFIX"}
    short = topic.removeprefix("maskwatch/1/{device}/")
    return re.sub(r"\{\w+\}", lambda found: names[found.group()], short)


@pytest.mark.parametrize("row", Contract().topics, ids=lambda row: row["topic"])
def test_the_document_has_every_topic_as_the_schemas_have_it(row):
    (line,) = [line for line in MQTT_MD.splitlines() if line.startswith(f"| `{spelled(row['topic'])}` |")]
    cells = [cell.strip() for cell in line.strip("|").split(" | ")]
    schema = f"[{row['schema'].removesuffix('.json')}](schemas/{row['schema']})" if row["schema"] else "-"
    assert cells[-1] == schema
    if row["from"] == "device":
        expiry = SPELLED.get(row["expiry_s"], f"{row['expiry_s']} s")
        assert cells[2:5] == [str(row["qos"]), "yes" if row["retain"] else "no", expiry]


def test_the_document_names_no_topic_that_the_schemas_do_not():
    written = re.findall(r"^\| `([\w/]+)` \|", MQTT_MD, re.MULTILINE)
    assert sorted(written) == sorted(spelled(row["topic"]) for row in Contract().topics)


def test_every_schema_is_used_and_every_object_in_it_is_closed():
    used = {row["schema"] for row in Contract().topics if row["schema"]}
    assert {path.name for path in SCHEMAS.glob("*.json")} == used | {"topics.json"}
    for name in used:
        validator(name)
        assert open_objects(json.loads((SCHEMAS / name).read_text())) == [], name


def open_objects(schema: object) -> list[object]:
    """Return the objects of a schema that allow fields which they do not name."""
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    inner = [found for part in parts for found in open_objects(part)]
    mine = (
        isinstance(schema, dict) and schema.get("type") == "object" and schema.get("additionalProperties", True) is True
    )
    return [*inner, schema] if mine else inner


EXAMPLES = re.findall(r"^### `(.+)`\n\n((?:    .+\n?)+)", MQTT_MD, re.MULTILINE)


@pytest.mark.parametrize(("topic", "text"), EXAMPLES, ids=[topic for topic, _ in EXAMPLES])
def test_every_example_keeps_the_contract(topic, text):
    row = Contract().row(f"{TOP}/{topic}")
    assert [error.message for error in validator(row["schema"]).iter_errors(json.loads(text))] == []


def test_every_json_payload_of_the_device_has_its_example():
    wanted = {row["topic"] for row in Contract().topics if row["schema"] and row["payload"] == "json"}
    bare = {topic for topic in wanted if "/set" in topic or "/state" in topic or "{prefix}" in topic}
    assert {Contract().row(f"{TOP}/{topic}")["topic"] for topic, _ in EXAMPLES} == wanted - bare


def test_the_bounds_and_words_of_commands_are_those_of_the_settings():
    dwell, profile = validator("dwell.json").schema, validator("profile.json").schema
    assert (dwell["minimum"], dwell["maximum"]) == (DWELL_MIN_S, DWELL_MAX_S)
    assert profile["enum"] == list(PROFILES)


@pytest.mark.timeout(240)
def test_every_message_of_a_run_with_commands_and_bad_luck_keeps_the_contract(tmp_path, mosquitto):
    check(play(mosquitto, tmp_path, least_s=0, pause_s=0.5))


def test_every_message_of_a_walk_through_a_video_keeps_the_contract(tmp_path, mosquitto, demo_video):
    ear = OpenEar(mosquitto.port)
    process = watch(mosquitto, "stop-7", str(demo_video), tmp_path / "outbox.db")
    wait_for(ear, f"{TOP}/camera/main/alert", kind("end"))
    wait_for(ear, f"{TOP}/status", b"offline".__eq__)
    _, err = process.communicate(timeout=30)
    ear.close()
    assert process.returncode == 0, err
    assert ear.faults(Contract()) == []
    assert ear.of(f"{TOP}/stats")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_message_of_ten_minutes_keeps_the_contract(tmp_path, mosquitto, capsys):
    ear = play(mosquitto, tmp_path, least_s=600, pause_s=35)
    check(ear)
    report = [f"{number:6d} {topic}" for topic, number in sorted(ear.counts().items())]
    kinds = Counter(json.loads(payload)["event_type"] for payload in ear.of(f"{TOP}/camera/main/alert"))
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *report, str(dict(kinds)), ""]))
