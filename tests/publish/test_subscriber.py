"""`maskwatch watch`."""

from __future__ import annotations

import json
import re
import threading

from hypothesis import given
from hypothesis import strategies as st

from edge.publish.broker import Broker
from edge.publish.message import Message
from edge.publish.mqtt import ONLINE, MqttLink
from edge.publish.subscriber import Seen, alerts, describe, parse
from edge.publish.test_alert import build_test_alert
from tests.support.fakes import eventually
from tests.support.messages import MODEL, PAYLOAD, sender


def test_an_alert_is_described_in_one_line():
    line = describe(json.loads(PAYLOAD))
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ stop-7/main", line), "UTC, and marked as that"
    assert "start  without_mask" in line
    assert "delayed" not in line


def test_a_late_alert_says_so():
    assert "delayed" in describe({**json.loads(PAYLOAD), "delayed": True})


def test_a_test_alert_is_described_as_one():
    line = describe(json.loads(build_test_alert(sender(), MODEL).payload))
    assert "stop-7/main  test alert: nobody was seen" in line
    assert "without_mask" not in line
    assert parse(build_test_alert(sender(), MODEL).payload)


def test_each_event_id_and_seq_is_yielded_once():
    seen = Seen()
    assert [seen.first_time("a", 0), seen.first_time("a", 1), seen.first_time("a", 0)] == [True, True, False]


def test_what_is_remembered_is_bounded():
    seen = Seen()
    for number in range(10_001):
        seen.first_time("a", number)
    assert seen.first_time("a", 0)


NESTED = st.recursive(st.none() | st.integers() | st.text(), st.lists)


@given(st.binary(max_size=200) | NESTED.map(lambda value: json.dumps(value).encode()))
def test_no_payload_breaks_it(payload):
    assert parse(payload) is None


def test_repeated_and_malformed_messages_are_passed_over(mosquitto):
    stop = threading.Event()
    seen = []

    def listen() -> None:
        seen.extend(found["seq"] for found in alerts(Broker("127.0.0.1", mosquitto.port, ""), stop))

    listener = threading.Thread(target=listen)
    listener.start()
    device = MqttLink(Broker("127.0.0.1", mosquitto.port, "device"))
    device.start()
    assert eventually(lambda: device.state == ONLINE)
    threading.Event().wait(0.5)
    topic = "maskwatch/1/stop-7/camera/main/alert"
    second = json.dumps({**json.loads(PAYLOAD), "seq": 1}).encode()
    for payload in (PAYLOAD, b"\xff{", PAYLOAD, b"[]", second):
        device.send(Message(topic, payload, 1))
    assert eventually(lambda: seen == [0, 1])
    stop.set()
    listener.join(8)
    device.close()
    assert seen == [0, 1]
