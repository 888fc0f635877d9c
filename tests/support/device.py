"""A device on a broker, from its command line to the messages that it publishes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.contract import OpenEar
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.program import command, environment

TOP = "maskwatch/1/stop-7"
SETTINGS = ("mqtt.host=127.0.0.1", "mqtt.stats_s=0.5", "mqtt.retry_max_s=0.5", "homeassistant.discovery=true")


def watch(broker: Mosquitto, name: str, source: str, outbox: Path, *more: str) -> subprocess.Popen[str]:
    settings = [*SETTINGS, f"mqtt.port={broker.port}", f"device.name={name}", f"mqtt.outbox={outbox}", *more]
    arguments = [part for setting in settings for part in ("--set", setting)]
    return subprocess.Popen(
        command("run", "--source", source, *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=15)
    assert (process.returncode, "Traceback" in err) == (0, False), err


def wait_for(ear: OpenEar, topic: str, wanted: Callable[[bytes], bool], since: int = 0) -> None:
    def came() -> bool:
        return any(heard.topic == topic and wanted(heard.payload) for heard in ear.heard[since:])

    assert eventually(came, 60), (topic, ear.of(topic)[-3:])


def kind(name: str) -> Callable[[bytes], bool]:
    return lambda payload: json.loads(payload)["event_type"] == name
