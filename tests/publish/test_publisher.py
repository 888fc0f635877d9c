"""The sink that publishes, on a real broker."""

from __future__ import annotations

import json
import time

import pytest

from edge.monitor.lens import LensHealth
from edge.monitor.status import StatusReport
from edge.monitor.timings import Vitals
from edge.publish.aggregate import AggregateCounter
from edge.publish.broker import Broker
from edge.publish.outbox import Outbox
from edge.publish.presence import Presence, Shares
from edge.publish.publisher import Publisher, Terms
from edge.publish.remote_commands import RemoteCommands
from tests.support import fakes
from tests.support.contract import Contract, OpenEar
from tests.support.fakes import eventually
from tests.support.messages import MODEL, sender

TOP = "maskwatch/1/stop-7"
JPEG = b"\xff\xd8\xff and what follows"


def publisher(port: int, **more) -> Publisher:
    outbox = Outbox(None, limit=10, monotonic=time.monotonic)
    report = StatusReport(
        fakes.ListSource([]), Vitals(), LensHealth(patience_s=1, moved_s=1), outbox, MODEL, lambda: ""
    )
    models = {"face": MODEL, "mask": MODEL}
    people = more.pop("people", Presence(sender(), interval_s=30))  # shorter, and a busy broker lets it expire
    made = Publisher(Terms(Broker("127.0.0.1", port, "device"), sender(), report, models, people, stats_s=0.5, **more))
    made.start()
    assert eventually(lambda: made.state == "online")
    return made


def hear(port: int, **more) -> OpenEar:
    """Return what one scene brings over the wire."""
    ear, made = OpenEar(port), publisher(port, **more)
    made.put(fakes.scene((fakes.track(),)))
    assert eventually(lambda: ear.of(f"{TOP}/stats"))
    made.close()
    assert eventually(lambda: ear.of(f"{TOP}/status")[-1:] == [b"offline"])
    ear.close()
    return ear


def test_a_snapshot_is_sent_only_where_somebody_makes_one(mosquitto):
    ear = hear(mosquitto.port, snapshot=lambda: JPEG)
    (heard,) = [heard for heard in ear.heard if heard.topic == f"{TOP}/camera/main/snapshot"]
    assert heard.payload == JPEG
    assert Contract().faults(heard) == []


@pytest.mark.parametrize("more", [{}, {"snapshot": lambda: b""}])
def test_without_a_picture_none_is_sent(mosquitto, more):
    assert hear(mosquitto.port, **more).of(f"{TOP}/camera/main/snapshot") == []


def test_the_models_in_force_stay_with_the_broker(mosquitto):
    hear(mosquitto.port)
    late = OpenEar(mosquitto.port)
    assert eventually(lambda: late.of(f"{TOP}/model/active"))
    assert late.of(f"{TOP}/status") == [b"offline"]
    late.close()


def test_what_is_in_force_is_told_once_and_again_when_it_changes(mosquitto):
    states = {"notice": "ON", "alert/dwell_s": "1.0"}
    ear, made = OpenEar(mosquitto.port), publisher(mosquitto.port, wishes=RemoteCommands(states=lambda: dict(states)))
    for _ in range(3):
        made.put(fakes.scene())
    states["notice"] = "OFF"
    made.put(fakes.scene())
    assert eventually(lambda: ear.of(f"{TOP}/notice/state") == [b"ON", b"OFF"])
    assert ear.of(f"{TOP}/alert/dwell_s/state") == [b"1.0"]
    made.close()
    ear.close()


def test_where_nothing_may_be_commanded_a_test_alert_may_not_either(mosquitto):
    ear, made = OpenEar(mosquitto.port), publisher(mosquitto.port)
    ear.say(f"{TOP}/test_alert/set", "PRESS")
    made.put(fakes.scene())
    assert eventually(lambda: ear.of(f"{TOP}/stats"))
    made.close()
    ear.close()
    assert ear.of(f"{TOP}/camera/main/alert") == []


def test_shares_of_many_take_the_place_of_what_was_told_of_single_people(mosquitto):
    hear(mosquitto.port)
    late = OpenEar(mosquitto.port)
    assert eventually(lambda: late.of(f"{TOP}/camera/main/unmasked") and late.of(f"{TOP}/camera/main/count"))
    late.close()
    shares = Shares(sender(), AggregateCounter(interval_s=0.0, min_people=1))
    ear = hear(mosquitto.port, people=shares)
    (heard,) = [heard for heard in ear.heard if heard.topic == f"{TOP}/camera/main/aggregate"]
    assert Contract().faults(heard) == []
    assert json.loads(heard.payload)["shares"] == {"with_mask": 0.0, "without_mask": 1.0, "incorrect_mask": 0.0}
    later = OpenEar(mosquitto.port)
    assert eventually(lambda: later.of(f"{TOP}/camera/main/aggregate"))
    assert later.of(f"{TOP}/camera/main/unmasked") == []
    assert later.of(f"{TOP}/camera/main/count") == []
    later.close()
