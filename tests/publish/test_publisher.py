"""The sink that publishes, on a real broker."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from edge.data import NoticeState
from edge.monitor.status import StatusReport
from edge.monitor.timings import Vitals
from edge.publish.aggregate import AggregateCounter
from edge.publish.broker import Broker
from edge.publish.command import Command, one_of
from edge.publish.homeassistant import Discovery
from edge.publish.message import Message
from edge.publish.mqtt import MqttLink
from edge.publish.presence import Presence, Shares
from edge.publish.publisher import Publisher, PublisherConfig
from edge.publish.test_alert import build_test_alert
from tests.support import fakes
from tests.support.contract import Contract, OpenEar
from tests.support.driver import on_cpu
from tests.support.fakes import eventually
from tests.support.messages import MODEL, sender

TOP = "maskwatch/1/stop-7"
NO_COUNTS = {"dropped": 0, "damaged": 0, "reopened": 0}
JPEG = b"\xff\xd8\xff and what follows"


def publisher(port: int, **more) -> Publisher:
    checks = {"camera": str, "lens": str, "settings": str, "notice": str}
    config = {
        "broker": Broker("127.0.0.1", port, "device"),
        "sender": sender(),
        "models": {"face": MODEL, "mask": MODEL},
        "runtime": on_cpu,
        "report": StatusReport(Vitals(), MODEL.name, checks, lambda: {"camera": "ok", **NO_COUNTS}),
        "people": Presence(sender(), interval_s=30),  # shorter, and a busy broker lets it expire
        "outbox": None,
        "outbox_limit": 10,
        "stats_s": 0.5,
    }
    made = Publisher(PublisherConfig(**config | more))
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


def test_a_model_that_a_setting_names_in_place_of_the_champion_s_is_published(mosquitto):
    """The topic named the champion alone, though `detector.model` had another model in force."""
    ear, made = OpenEar(mosquitto.port), publisher(mosquitto.port, aliases={"champion": "a" * 64})
    made.adopt(replace(made._config, stats_s=1.0))
    made.adopt(replace(made._config, overridden={"face": "detector.model"}))
    assert eventually(lambda: len(ear.of(f"{TOP}/model/active")) == 2)
    first, second = (json.loads(payload) for payload in ear.of(f"{TOP}/model/active"))
    assert ("overridden" in first, second["overridden"]) == (False, {"face": "detector.model"})
    assert second["aliases"] == {"champion": "a" * 64}
    made.close()
    ear.close()


def test_the_entities_of_drift_are_announced_where_it_is_reported(mosquitto):
    made = publisher(mosquitto.port, discovery=Discovery("homeassistant"))
    for reports, announced in (({}, set()), ({"drift": dict}, {"accuracy", "drift"})):
        message = replace(made._config, reports=reports).announcement()
        assert {"accuracy", "drift"} & set(json.loads(message.payload)["cmps"]) == announced
    made.close()


def nothing(_value):
    return None


def test_what_is_in_force_is_published_once_and_again_when_it_changes(mosquitto):
    states = {"notice": "ON"}
    commands = (
        Command("notice", one_of("ON", "OFF"), nothing, lambda: states["notice"]),
        Command("alert/dwell_s", float, nothing, lambda: "1.0"),
    )
    ear, made = OpenEar(mosquitto.port), publisher(mosquitto.port, commands=commands)
    for _ in range(3):
        made.put(fakes.scene())
    states["notice"] = "OFF"
    made.put(fakes.scene())
    assert eventually(lambda: ear.of(f"{TOP}/notice/state") == [b"ON", b"OFF"])
    assert ear.of(f"{TOP}/alert/dwell_s/state") == [b"1.0"]
    made.close()
    ear.close()


def test_the_notice_is_published_in_the_first_language_when_its_state_changes_and_never_repeated(mosquitto):
    ear, made = OpenEar(mosquitto.port), publisher(mosquitto.port)
    for scene in (
        fakes.noticed(NoticeState.OFF),
        fakes.noticed(NoticeState.ON, "keep apart", "Abstand", volume=0.5),
        fakes.noticed(NoticeState.ON, "keep apart", "Abstand"),
        fakes.noticed(NoticeState.ON, "other words"),
        fakes.noticed(NoticeState.THANKS, "thanks", volume=0.5),
        fakes.noticed(NoticeState.THANKS, "thanks"),
        fakes.noticed(NoticeState.OFF),
        fakes.noticed(NoticeState.OFF),
    ):
        made.put(scene)
    assert eventually(lambda: len(ear.of(f"{TOP}/notice")) == 3)
    made.close()
    ear.close()
    bodies = [json.loads(payload) for payload in ear.of(f"{TOP}/notice")]
    assert [(body["state"], body["phrase"], body.get("language")) for body in bodies] == [
        ("on", "keep apart", "en"),
        ("thanks", "thanks", "en"),
        ("off", "", None),
    ]
    heard = [heard for heard in ear.heard if heard.topic == f"{TOP}/notice"]
    assert [Contract().faults(one) for one in heard] == [[], [], []]


@pytest.mark.parametrize("accepts", [True, False])
def test_a_command_is_carried_out_only_where_commands_are_accepted(mosquitto, accepts):
    pressed = []
    ear = OpenEar(mosquitto.port)
    made = publisher(
        mosquitto.port,
        commands=(Command("test_alert", one_of("PRESS"), pressed.append),),
        accepts_commands=accepts,
    )
    ear.publish(f"{TOP}/test_alert/set", "PRESS")
    made.put(fakes.scene())
    assert eventually(lambda: ear.of(f"{TOP}/stats"))
    assert eventually(lambda: len(pressed) == accepts)
    made.close()
    ear.close()
    assert len(pressed) == accepts


def test_what_a_command_answers_with_is_published(mosquitto):
    ear = OpenEar(mosquitto.port)
    commands = (Command("test_alert", one_of("PRESS"), lambda _press: build_test_alert(sender(), MODEL)),)
    made = publisher(mosquitto.port, commands=commands, accepts_commands=True)
    ear.publish(f"{TOP}/test_alert/set", "PRESS")
    assert eventually(lambda: ear.of(f"{TOP}/camera/main/alert"))
    made.close()
    ear.close()
    assert json.loads(ear.of(f"{TOP}/camera/main/alert")[0])["event_type"] == "test"


def test_shares_of_many_people_replace_what_was_published_of_single_people(mosquitto):
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


@pytest.mark.parametrize(("path", "limit"), [(None, 20), ("other.db", 10)])
def test_the_publisher_exchanges_its_outbox_where_another_one_is_set_and_keeps_it_otherwise(
    tmp_path, mosquitto, path, limit
):
    made = publisher(mosquitto.port)
    before = made.outbox
    made.adopt(replace(made._config, stats_s=1.0))
    assert made.outbox is before
    made.adopt(replace(made._config, outbox=path and tmp_path / path, outbox_limit=limit))
    assert made.outbox is not before
    made.outbox.check()
    made.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "outbox"]
    assert path is None or (tmp_path / path).exists()


def test_a_problem_is_published_when_it_appears_and_cleared_when_it_is_gone(mosquitto):
    found = {"camera": "", "lens": ""}
    checks = {name: lambda name=name: found[name] for name in found}
    ear = OpenEar(mosquitto.port)
    made = publisher(mosquitto.port, report=StatusReport(Vitals(), MODEL.name, checks, lambda: NO_COUNTS))
    for change in ({}, {}, {"lens": "blurred: clean it"}, {"camera": "lost: no frames"}, {"camera": "", "lens": ""}):
        found |= change
        made.put(fakes.scene())
    assert eventually(lambda: len(ear.of(f"{TOP}/camera/main/health")) == 4)
    made.close()
    ear.close()
    health = [json.loads(payload) for payload in ear.of(f"{TOP}/camera/main/health")]
    assert [(body["state"], body["detail"]) for body in health] == [
        ("ok", ""),
        ("blurred", "clean it"),
        ("lost", "no frames"),
        ("ok", ""),
    ]
    texts = [json.loads(payload)["text"] if payload else "" for payload in ear.of(f"{TOP}/problem/lens")]
    assert texts == ["", "blurred: clean it", ""]


def test_its_own_offline_that_comes_back_while_it_leaves_is_not_corrected(mosquitto, monkeypatch):
    status, close = f"{TOP}/camera/main/status", MqttLink.close

    def echo_and_close(link: MqttLink, last_word: Message | None = None) -> None:
        made._receive(status, b"offline", False)
        close(link, last_word)

    ear = OpenEar(mosquitto.port)
    made = publisher(mosquitto.port, discovery=Discovery("homeassistant"))
    made._receive(status, b"offline", False)
    assert eventually(lambda: ear.of(status) == [b"online", b"online"]), "it is corrected as long as it runs"
    monkeypatch.setattr(MqttLink, "close", echo_and_close)
    made.close()
    monkeypatch.undo()
    assert eventually(lambda: ear.of(f"{TOP}/status")[-1:] == [b"offline"])
    ear.close()
    assert ear.of(status) == [b"online", b"online", b"offline"]
