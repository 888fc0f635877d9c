"""A staging device beside a production device on one real broker and one machine: nothing of them mixes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from edge.publish.broker import device_name
from edge.settings.load import load
from edge.settings.schema import Environment
from tests.support.contract import OpenEar
from tests.support.device import end, kind, wait_for
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.program import command, environment
from tests.support.settings import NOWHERE

ROOTS = {"production": "maskwatch/1/stop-7", "staging": "maskwatch/1-staging/stop-7"}
SETTINGS = ("mqtt.host=127.0.0.1", "mqtt.stats_s=0.5", "device.name=stop-7", "homeassistant.discovery=true")


class Pair:
    """Two devices of one name, camera, user and state folder, in two environments."""

    def __init__(self, broker: Mosquitto, folder: Path, street: str) -> None:
        self.state, self._port, self._street = folder / "state", broker.port, street
        self.running = {name: self._start(name, folder) for name in ROOTS}

    def _start(self, name: str, folder: Path) -> subprocess.Popen[str]:
        pairs = [*SETTINGS, f"mqtt.port={self._port}", f"show.socket={folder}/{name}.sock"]
        arguments = [part for pair in pairs for part in ("--set", pair)]
        return subprocess.Popen(
            command("run", "--source", self._street, *arguments),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(MASKWATCH_ENV=name, XDG_STATE_HOME=str(self.state)),
        )


@pytest.mark.timeout(240)
def test_a_staging_device_beside_a_production_device_mixes_with_it_in_nothing(tmp_path, street):
    log = tmp_path / "broker.log"
    broker = Mosquitto(tmp_path, f"log_dest file {log}", "log_type all")
    broker.start()
    ear = OpenEar(broker.port)
    pair = Pair(broker, tmp_path, street)
    for root in ROOTS.values():
        wait_for(ear, f"{root}/camera/main/alert", kind("start"))
    for root, dwell_s in zip(ROOTS.values(), ("1.5", "2.5"), strict=True):  # each obeys the commands of its root alone
        ear.publish(f"{root}/alert/dwell_s/set", dwell_s)
        wait_for(ear, f"{root}/alert/dwell_s/state", dwell_s.encode().__eq__)
    assert b"2.5" not in ear.of(f"{ROOTS['production']}/alert/dwell_s/state")
    sessions = {name: of_session(ear, root) for name, root in ROOTS.items()}
    assert [len(found) for found in sessions.values()] == [1, 1], "one session below each root"
    assert sessions["production"] != sessions["staging"]

    mark = len(ear.heard)
    end(pair.running["staging"])
    wait_for(ear, f"{ROOTS['staging']}/status", b"offline".__eq__, mark)
    assert not [h for h in ear.heard[mark:] if h.topic == f"{ROOTS['production']}/status"]
    assert ear.of(f"{ROOTS['production']}/status") == [b"online"]
    assert ear.of(f"{ROOTS['staging']}/notice") == [], "nobody is notified by a trial device"
    assert ear.of(f"{ROOTS['production']}/notice") != []
    other = {h.topic for h in ear.heard if not h.topic.startswith(tuple(f"{root}/" for root in ROOTS.values()))}
    configs = {topic: json.loads(ear.of(topic)[-1]) for topic in other}
    assert len(configs) == 2, "one announcement to Home Assistant each"
    ids = [set(parts["dev"]["ids"]) | {c["unique_id"] for c in parts["cmps"].values()} for parts in configs.values()]
    assert not ids[0] & ids[1]
    assert {parts["dev"]["name"] for parts in configs.values()} == {"maskwatch stop-7", "maskwatch staging stop-7"}
    clients = {
        name for name in ("maskwatch-stop-7-main", "maskwatch-stop-7-main/staging") if f" as {name} " in log.read_text()
    }
    assert len(clients) == 2
    files = {
        str(path.relative_to(pair.state / "maskwatch")) for path in (pair.state / "maskwatch").rglob("outbox-*.db")
    }
    assert files == {"outbox-main.db", "staging/outbox-main.db"}

    kept = retained(broker)
    assert len([topic for topic in kept if topic.startswith(ROOTS["staging"])]) > 5
    end(pair.running["production"])
    assert eventually(lambda: retained(broker)[f"{ROOTS['production']}/status"] == b"offline")
    assert set(retained(broker)) == set(kept), "neither removes what the other has retained"
    ear._client.disconnect()
    broker.stop()


def of_session(ear: OpenEar, root: str) -> set[str]:
    """Return the sessions in what was published below a root."""
    bodies = [h.payload for h in ear.heard if h.topic.startswith(f"{root}/") and h.payload.startswith(b"{")]
    return {json.loads(body)["session"] for body in bodies}


def retained(broker: Mosquitto) -> dict[str, bytes]:
    """Return what a new subscriber gets."""
    late = OpenEar(broker.port)
    late.publish("maskwatch/mark", "behind all that is retained")
    assert eventually(lambda: late.of("maskwatch/mark"))
    late._client.disconnect()
    return {h.topic: h.payload for h in late.heard if h.retain and h.payload and not h.topic.endswith("/count")}


def test_staging_is_apart_and_silent_as_it_comes():
    staging = load(Environment.STAGING, system_file=NOWHERE).settings
    production = load(Environment.PRODUCTION, system_file=NOWHERE).settings
    assert staging.mqtt.topic_root != production.mqtt.topic_root == "maskwatch/1"
    assert (staging.notice.enabled, production.notice.enabled) == (False, True)
    assert device_name(staging.device) == device_name(production.device)
