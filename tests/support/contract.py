"""The contract of docs/schemas, and a client that keeps how messages were published: QoS, retained, expiry."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.support.fakes import eventually

SCHEMAS = Path(__file__).parents[2] / "docs/schemas"


@dataclass(frozen=True)
class Heard:
    """One message as a broker handed it on."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry_s: int | None = None


class Contract:
    """Every topic with its schema, QoS, retained flag and expiry, as docs/schemas/topics.json has them."""

    def __init__(self, stats_s: float = 0.5) -> None:
        self.topics = json.loads((SCHEMAS / "topics.json").read_text())
        self._stats_expiry_s = max(1, round(2 * stats_s))
        self._patterns = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", t["topic"]) + "$"), t) for t in self.topics]
        self._validators = {t["schema"]: validator(t["schema"]) for t in self.topics if t["schema"]}

    def row(self, topic: str) -> dict | None:
        """Return the row of a topic; None for a topic that is not in the contract."""
        return next((row for pattern, row in self._patterns if pattern.match(topic)), None)

    def faults(self, heard: Heard) -> list[str]:
        """Return how a message breaks the contract."""
        row = self.row(heard.topic)
        if row is None:
            return [f"{heard.topic}: the contract has no such topic"]
        found = [f"{heard.topic}: {fault}" for fault in self._envelope(heard, row)]
        return found + [
            f"{heard.topic}: {fault}: {heard.payload[:300]!r}" for fault in self._content(heard.payload, row)
        ]

    def _envelope(self, heard: Heard, row: dict) -> list[str]:
        agreed = self._stats_expiry_s if isinstance(row["expiry_s"], str) else row["expiry_s"]
        agreed = agreed if heard.payload else None  # what removes does not wait to be removed
        in_time = heard.expiry_s is None if agreed is None else heard.expiry_s is not None and heard.expiry_s <= agreed
        checks = {
            f"QoS {heard.qos}, not {row['qos']}": heard.qos == row["qos"],
            f"retained: {heard.retain}": heard.retain == row["retain"],
            f"expiry {heard.expiry_s}, not {agreed}": in_time,
        }
        return [fault for fault, fine in checks.items() if not fine]

    def _content(self, payload: bytes, row: dict) -> list[str]:
        if row["payload"] == "jpeg":
            return [] if payload[:3] == b"\xff\xd8\xff" else ["no JPEG"]
        if not payload:
            return [] if row["empty"] else ["empty"]
        try:
            value = json.loads(payload) if row["payload"] == "json" else payload.decode("utf-8")
        except ValueError as error:
            return [str(error)]
        return [f"{e.json_path}: {e.message[:200]}" for e in self._validators[row["schema"]].iter_errors(value)]


def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return what checks payloads against a schema of docs/schemas."""
    schema = json.loads((SCHEMAS / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


class OpenEar:
    """A client of MQTT 5 that keeps all that a broker hands on, with the retained flag as it was published."""

    def __init__(self, port: int, user: str = "", password: str = "") -> None:
        self.heard: list[Heard] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect, self._client.on_message = self._connected, self._received
        self._client.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self._client.reconnect_delay_set(1, 1)
        self.subscribed = False
        if user:
            self._client.username_pw_set(user, password)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert eventually(lambda: self.subscribed)

    def publish(self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos, retain)

    def of(self, topic: str) -> list[bytes]:
        return [heard.payload for heard in self.heard if heard.topic == topic]

    def faults(self, contract: Contract) -> list[str]:
        """Return what breaks the contract; commands to the devices are not part of it."""
        theirs = [heard for heard in list(self.heard) if not heard.topic.endswith("/set")]
        return [fault for heard in theirs for fault in contract.faults(heard)]

    def counts(self) -> Counter[str]:
        return Counter(heard.topic for heard in self.heard)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: paho.Client, *_: object) -> None:
        client.subscribe("#", options=SubscribeOptions(qos=2, retainAsPublished=True))

    def _received(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        properties = message.properties or Properties(PacketTypes.PUBLISH)
        expiry_s = getattr(properties, "MessageExpiryInterval", None)
        self.heard.append(Heard(message.topic, bytes(message.payload), message.qos, bool(message.retain), expiry_s))


def retained(port: int) -> dict[str, bytes]:
    """Return what a broker has retained, each message as the contract has it."""
    ear = OpenEar(port)
    ear.publish("that/is/all", "")
    assert eventually(lambda: ear.of("that/is/all"))
    ear.close()
    found = [heard for heard in ear.heard if heard.topic != "that/is/all"]
    assert [fault for heard in found for fault in Contract().faults(heard)] == []
    return {heard.topic: heard.payload for heard in found if heard.retain}
