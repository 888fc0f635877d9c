"""MQTT clients that keep what they receive."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.publish.broker import Broker
from edge.publish.mqtt import ONLINE, MqttLink
from edge.publish.subscriber import Seen, parse
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto

_CHANGES_ON_SENDING = ("t_published", "delayed")
_DAY_S = 86_400


def _content(body: dict) -> dict:
    """Return what of an alert is the same however often it is sent."""
    stages_ms = {stage: spent for stage, spent in (body.get("stages_ms") or {}).items() if stage != "publish"}
    return {key: value for key, value in body.items() if key not in _CHANGES_ON_SENDING} | {"stages_ms": stages_ms}


class Receiver:
    """A QoS 1 client whose session outlives its connections; keeps each alert once."""

    def __init__(self, port: int) -> None:
        self.kept: dict[str, dict] = {}
        self.received = self.delivered_twice = self.conflicts = 0
        self._seen = Seen()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "receiver", protocol=MQTTProtocolVersion.MQTTv5)
        self.subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe("maskwatch/1/+/camera/+/alert", qos=1)
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_message = lambda _client, _data, message: self._take(message.payload)
        self._client.reconnect_delay_set(0.05, 0.3)
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = _DAY_S
        self._client.connect_async("127.0.0.1", port, 20, clean_start=False, properties=session)
        self._client.loop_start()
        assert eventually(self._client.is_connected, 20)

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    def _take(self, payload: bytes) -> None:
        self.received += 1
        body = parse(payload)
        assert body is not None, payload
        key, content = f"{body['event_id']}:{body['seq']}", _content(body)
        if self._seen.first_time(body["event_id"], body["seq"]):
            self.delivered_twice += key in self.kept
            self.kept.setdefault(key, content)
        self.conflicts += self.kept[key] != content

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Listener:
    """A second client that keeps what it hears."""

    def __init__(self, port: int, **more) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.link = MqttLink(
            Broker("127.0.0.1", port, "", **more),
            subscriptions=["#"],
            on_message=lambda topic, payload, retained: self.heard.append((topic, payload, retained)),
        )
        self.link.start()
        assert eventually(lambda: self.link.state == ONLINE)

    def payloads(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.heard if name == topic]


class Hearer:
    """A client that keeps what it hears, by topic."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._link = MqttLink(
            Broker("127.0.0.1", port, "", retry_min_s=0.1, retry_max_s=0.2),
            subscriptions=["#"],
            on_message=lambda topic, payload, _retained: self.heard.append((topic, payload)),
        )
        self._link.start()
        assert eventually(lambda: self._link.state == ONLINE, 20)

    def bodies(self, name: str) -> list[dict]:
        return [json.loads(payload) for topic, payload in list(self.heard) if payload and topic.endswith(name)]

    def keys(self) -> set[str]:
        return {f"{body['event_id']}:{body['seq']}" for body in self.bodies("/alert")}

    def close(self) -> None:
        self._link.close()


@contextmanager
def hearing(broker: Mosquitto) -> Iterator[Hearer]:
    """Return a client on a broker."""
    made = Hearer(broker.port)
    try:
        yield made
    finally:
        made.close()
