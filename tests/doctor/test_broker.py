"""The broker test of doctor and setup, on brokers that refuse in every way."""

from __future__ import annotations

import json

import pytest

from edge.doctor import FindingState, service
from edge.doctor.broker import check_broker, fix_for
from edge.publish.broker import Broker
from tests.support.scripted import Published, Script, ScriptedBroker
from tests.support.settings import settings

ALERT = "maskwatch/1/stop-7/camera/main/alert"
NAMED = ("device.name=stop-7", "mqtt.host=127.0.0.1")


def found(script: Script, *overrides: str):
    with ScriptedBroker(script) as broker:
        finding = service.broker(settings(*NAMED, f"mqtt.port={broker.port}", *overrides))
    return broker, finding


def test_a_test_alert_is_published_where_alerts_go_and_nothing_is_retained():
    broker, finding = found(Script())
    assert (finding.state, finding.text.split(" ", 1)[1]) == (
        FindingState.OK,
        "accepts the connection and a test alert",
    )
    (message,) = broker.published
    assert (message.topic, message.qos, message.retain) == (ALERT, 1, False)
    assert json.loads(message.payload)["event_type"] == "test"


def test_in_aggregate_mode_the_test_is_an_empty_message_on_its_own_topic():
    broker, finding = found(Script(), "privacy.aggregate=true")
    assert finding.state is FindingState.OK
    assert [(m.topic, m.payload, m.retain) for m in broker.published] == [("maskwatch/1/stop-7/trial", b"", False)]


@pytest.mark.parametrize(
    ("script", "reason", "fix"),
    [
        (Script(puback=lambda _: 135), f"denied: {ALERT}: Not authorized", "ACL"),
        (Script(puback=lambda _: 149), f"denied: {ALERT}: Packet too large", "limit"),
        (Script(suback=lambda _: 135), "denied: subscription maskwatch/1/stop-7/notice/set: Not authorized", "ACL"),
        (Script(grants={"maximum_packet_size": 400}), "and the broker accepts 400", "limit"),
        (Script(connack=lambda _: 134), "refused: Bad user name or password", "password"),
        (Script(speaks=(4,), cuts=lambda message: message.size > 400), "the broker ends the connection at it", "limit"),
        (Script(grants={"retain_available": 0}), "the broker retains no messages", "configuration"),
        (Script(grants={"maximum_qos": 0}), "the broker accepts QoS 0 only", "configuration"),
    ],
)
def test_a_broker_that_refuses_is_reported_with_the_fix(script, reason, fix):
    _, finding = found(script)
    assert finding.state is FindingState.WARNING
    assert reason in finding.text
    assert fix in finding.fix


def test_a_packet_limit_too_small_for_home_assistant_is_reported_if_discovery_is_on():
    script = Script(grants={"maximum_packet_size": 4_096})
    assert found(script)[1].state is FindingState.OK
    _, finding = found(script, "homeassistant.discovery=true")
    assert finding.state is FindingState.WARNING
    assert "Home Assistant's discovery has 5" in finding.text


@pytest.mark.parametrize("speaks", [(4,), (5,)])
def test_a_broker_that_acknowledges_nothing_is_unresponsive(speaks):
    with ScriptedBroker(Script(speaks=speaks, puback=lambda _: None)) as broker:
        trial = check_broker(Broker("127.0.0.1", broker.port, "d"), settings(*NAMED), timeout_s=1.5)
    assert trial.state == "unresponsive: no acknowledgement within 2 s"
    assert "acknowledges nothing" in fix_for(trial.state)


def test_an_alert_without_subscribers_is_ok_and_mentioned():
    def nobody(_: Published) -> int:
        return 16

    _, finding = found(Script(puback=nobody))
    assert (finding.state, finding.text.rpartition("; ")[2]) == (FindingState.OK, "nobody subscribes to alerts yet")
