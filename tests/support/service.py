"""A running `maskwatch run`, and a client that keeps what it publishes."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from edge.publish.broker import Broker
from edge.publish.mqtt import ONLINE, MqttLink
from tests.support.fakes import Stopwatch, eventually
from tests.support.mosquitto import Mosquitto
from tests.support.program import command, environment

QUICK = ("--set", "mqtt.stats_s=0.5", "--set", "device.name=stop-7", "--set", "mqtt.retry_max_s=0.5")
TOP = "maskwatch/1/stop-7"


class Ear:
    """A client that keeps what it hears below maskwatch/."""

    def __init__(self, port: int, **more) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self._link = MqttLink(
            Broker("127.0.0.1", port, "", retry_min_s=0.1, retry_max_s=0.2, **more),
            subscriptions=["maskwatch/#"],
            on_message=lambda topic, payload, retained: self.heard.append((topic, payload, retained)),
        )
        self._link.start()
        assert eventually(lambda: self._link.state == ONLINE, 20)

    def of(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.heard if name == f"{TOP}/{topic}"]

    def alerts(self) -> list[dict]:
        return [json.loads(payload) for payload in self.of("camera/main/alert")]

    def close(self) -> None:
        self._link.close()


class Watch:
    """A running `maskwatch run`."""

    def __init__(self, *arguments: object, **more: str) -> None:
        self.process = subprocess.Popen(
            command("run", *arguments, *QUICK),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**more),
        )

    def end(self, number: int = signal.SIGTERM, timeout_s: float = 5) -> tuple[int, str, str]:
        watch = Stopwatch()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        assert watch.s <= timeout_s
        return self.process.returncode, out, err


def on(broker: Mosquitto) -> tuple[str, ...]:
    return ("--set", "mqtt.host=127.0.0.1", "--set", f"mqtt.port={broker.port}")


def known(state_home: Path) -> dict[str, object]:
    """Return what a subscriber needs, as a running maskwatch keeps it below its state home."""
    file = state_home / "maskwatch/mosquitto_sub"
    assert eventually(file.exists, 30)
    options = dict(line.split(" ", 1) for line in file.read_text().splitlines())
    return {"user": options["-u"], "password": options["-P"], "mqtt5": False}
