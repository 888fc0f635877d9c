"""The broker as docs/broker.md sets it up: two devices, each kept to its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from edge.publish.broker import Broker
from edge.publish.mqtt import MqttLink
from tests.support.contract import SCHEMAS, OpenEar
from tests.support.device import end, wait_for, watch
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.needs import need

DEVICES = ("stop-7", "stop-8")
TOPICS = [
    "homeassistant/device/stop-7/config",
    "homeassistant/device/stop-7/door/config",
    "homeassistant/device/maskwatch-stop-7-main/config",
    "homeassistant/sensor/stop-7/fps/config",
    "maskwatch/1/stop-7/status",
    "maskwatch/1/stop-7/notice/set",
]


def block(name: str) -> list[str]:
    """Return the lines of a file as docs/broker.md has it."""
    text = (SCHEMAS.parent / "broker.md").read_text()
    return [
        line.strip() for line in text.split(f"# {name}\n")[1].split("\n\nOne user")[0].split("\n\nHere")[0].splitlines()
    ]


@pytest.fixture
def documented(tmp_path) -> Mosquitto:
    """Return a broker by the document's two files; without TLS, and with their paths in the test's folder."""
    acl, secrets = tmp_path / "acl", tmp_path / "passwords"
    acl.write_text("\n".join([*block("/etc/mosquitto/acl"), ""]))
    secrets.touch()
    for user in (*DEVICES, "operator"):
        subprocess.run([need("mosquitto_passwd"), "-b", str(secrets), user, f"{user} secret"], check=True)
        (tmp_path / user).write_text(f"{user} secret")
        (tmp_path / user).chmod(0o600)
    for path, mode in ((acl, 0o644), (secrets, 0o644), (tmp_path, 0o755)):
        path.chmod(mode)
    lines = [line for line in block("/etc/mosquitto/conf.d/maskwatch.conf") if line]
    replaced = ("listener", "certfile", "keyfile", "allow_anonymous", "password_file", "acl_file")
    kept = [line for line in lines if not line.startswith(replaced)]
    assert "use_username_as_clientid true" in [line.partition("#")[0].strip() for line in kept]
    ours = (f"password_file {secrets}", f"acl_file {acl}", "allow_anonymous false", f"persistence_location {tmp_path}/")
    broker = Mosquitto(tmp_path, *ours, *kept)
    broker.start()
    yield broker
    broker.stop()


def as_user(broker: Mosquitto, user: str) -> OpenEar:
    return OpenEar(broker.port, user, f"{user} secret")


@pytest.mark.timeout(120)
def test_no_device_removes_forges_or_displaces_what_another_announces(tmp_path: Path, documented: Mosquitto):
    operator = as_user(documented, "operator")
    devices = []
    for name in DEVICES:
        mine = (f"mqtt.user={name}", f"mqtt.password_file={tmp_path / name}")
        devices.append(watch(documented, name, "usb:63", tmp_path / f"{name}.db", *mine))
        wait_for(operator, f"homeassistant/device/{name}/config", bool)
    assert operator.of("homeassistant/device/maskwatch-stop-7-main/config") == []
    devices.pop().kill()  # its user is the attacker's now
    wait_for(operator, "maskwatch/1/stop-8/status", b"offline".__eq__)
    attacker = as_user(documented, "stop-8")
    mark = len(operator.heard)
    for topic in TOPICS:
        for payload in (b"", b'{"forged": true}'):
            attacker.publish(topic, payload, retain=True)
    for name in ("maskwatch-stop-7-main", "stop-7"):
        thief = MqttLink(Broker("127.0.0.1", documented.port, name, "stop-8", "stop-8 secret", retry_max_s=0.2))
        thief.start()
        assert eventually(lambda thief=thief: thief.connections > 0)
        thief.close()
    attacker = as_user(documented, "stop-8")
    attacker.publish("maskwatch/1/stop-8/model/active", "what it may publish")
    wait_for(operator, "maskwatch/1/stop-8/model/active", b"what it may publish".__eq__)
    wait_for(
        operator, "maskwatch/1/stop-7/stats", lambda payload: json.loads(payload)["uptime_s"] > 0, len(operator.heard)
    )
    stats = json.loads(operator.of("maskwatch/1/stop-7/stats")[-1])
    assert stats["broker"]["connections"] == 1, "its connection was not ended"
    assert stats["commands"] == {"taken": 0, "refused": 0}
    since = [(heard.topic, heard.payload) for heard in operator.heard[mark:] if heard.topic in TOPICS]
    assert since == []
    end(devices.pop())
    for ear in (operator, attacker):
        ear.close()
