"""The link keeps within what a broker takes, sends what can be sent, and names what cannot."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from edge.publish.broker import Broker
from edge.publish.limits import Limits, packet_bytes
from edge.publish.message import Message
from edge.publish.mqtt import ONLINE, MqttLink
from tests.support.fakes import eventually
from tests.support.scripted import PUBLISH, Connect, Published, Script, ScriptedBroker, head, packet, publish

STATUS = Message("d/status", b"online", 1, retain=True)
CONFIG = Message("h/config", b"c" * 5_000, 1, retain=True)
ALERT = Message("d/alert", b"a" * 900, 1, expiry_s=60)
COUNT = Message("d/count", b"1", 0, retain=True)


class Owner:
    """An owner of a link with alerts that are to be delivered, each once at least."""

    def __init__(self, *states: Message, alerts: int = 1) -> None:
        self.states, self.acknowledged = states, []
        self.alerts = {f"alert-{n}": ALERT for n in range(alerts)}

    def undelivered(self) -> list[tuple[str, Message]]:
        return [(key, message) for key, message in self.alerts.items() if key not in self.acknowledged]

    def greeting(self) -> list[tuple[str, Message]]:
        return [("", state) for state in self.states] + self.undelivered()

    @property
    def content(self) -> bool:
        return self.acknowledged and not self.undelivered()


@contextmanager
def linked(port: int, owner: Owner, **changes) -> Iterator[MqttLink]:
    broker = {"client_id": "device", "retry_min_s": 0.02, "retry_max_s": 0.05, **changes}
    made = MqttLink(
        Broker("127.0.0.1", port, **broker),
        will=Message("d/status", b"offline", 1, retain=True),
        greeting=owner.greeting,
        undelivered=owner.undelivered,
        on_acknowledged=owner.acknowledged.append,
        subscriptions=["d/set"],
    )
    made.start()
    try:
        yield made
    finally:
        made.close(Message("d/status", b"offline", 1, retain=True))


@pytest.mark.parametrize("mqtt5", [False, True])
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("length", [0, 1, 100, 110, 120, 128, 16_000, 16_384, 70_000])
def test_a_packet_is_as_long_as_it_is_reckoned(mqtt5, qos, length):
    message = Message("some/topic", b"x" * length, qos, expiry_s=60)
    with ScriptedBroker(Script(speaks=(5,) if mqtt5 else (4,))) as broker, linked(broker.port, Owner(message)):
        assert eventually(lambda: broker.of("some/topic"))
    assert broker.of("some/topic")[0].size == packet_bytes(message, mqtt5=mqtt5)


def test_what_is_larger_than_the_broker_takes_is_named_and_all_else_is_sent(caplog):
    owner = Owner(STATUS, CONFIG, alerts=3)
    with ScriptedBroker(Script(grants={"maximum_packet_size": 4_096})) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: owner.content)
        assert (link.state, link.connections) == (ONLINE, 1)
        assert link.problem == "not taken: h/config: 5016 bytes, and the broker accepts 4096"
    assert broker.of("h/config") == []
    assert caplog.text.count("not sent: h/config: 5016 bytes, and the broker accepts 4096") == 1
    assert "accepts packets of up to 4096 bytes" in caplog.text


def test_a_broker_too_small_for_alerts_is_not_called_online(caplog):
    owner = Owner(STATUS)
    with ScriptedBroker(Script(grants={"maximum_packet_size": 400})) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: link.state.startswith("denied: d/alert: 9"))
        assert "and the broker accepts 400" in link.problem
        assert eventually(lambda: [message.topic for message in broker.published] == ["d/status"])
    assert owner.acknowledged == []


def test_a_broker_that_keeps_no_retained_messages_gets_none(caplog):
    owner, cleared = Owner(STATUS, COUNT), Message("d/old", b"", 1, retain=True)
    owner.states += (cleared,)
    script = Script(grants={"retain_available": 0}, connack=lambda connect: 154 if connect.will_retain else 0)
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: owner.content)
        assert link.state == ONLINE
        assert [connect.will_retain for connect in broker.connects] == [True, False]
    assert {message.topic for message in broker.published} == {"d/status", "d/count", "d/alert"}
    assert not any(message.retain for message in broker.published)
    assert "retains no messages" in caplog.text
    assert "refused" not in link.last_problem


def test_a_broker_that_takes_qos_0_only_gets_all_at_qos_0_and_an_alert_counts_once_it_is_written(caplog):
    owner = Owner(STATUS, COUNT, alerts=2)
    script = Script(grants={"maximum_qos": 0}, connack=lambda connect: 155 if connect.will_qos else 0)
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: owner.content)
        assert link.state == ONLINE
    assert {message.qos for message in broker.published} == {0}
    assert "accepts QoS 0 only" in caplog.text


def test_no_more_is_on_its_way_at_once_than_the_broker_grants():
    flying, most = [], []

    def hold_back(message: Published) -> int | None:
        flying.append(message)
        most.append(len(flying))
        return None

    owner = Owner(alerts=10)
    with ScriptedBroker(Script(grants={"receive_maximum": 3}, puback=hold_back)) as broker, linked(broker.port, owner):
        assert eventually(lambda: len(flying) == 3)
        time.sleep(0.3)
    assert most == [1, 2, 3]


def test_a_shorter_keepalive_that_the_broker_asks_for_is_kept_and_a_longer_one_is_not():
    with ScriptedBroker(Script(grants={"server_keep_alive": 2})) as broker, linked(broker.port, Owner()):
        assert eventually(lambda: broker.pings >= 2, 5)
    with (
        ScriptedBroker(Script(grants={"server_keep_alive": 600})) as broker,
        linked(broker.port, Owner(), keepalive_s=5),
    ):
        assert eventually(lambda: broker.pings >= 1, 6)


def test_without_a_word_in_connack_all_is_sent_as_it_is():
    assert Limits().fitted(STATUS) == STATUS
    assert Limits().excess(CONFIG, mqtt5=True) == ""
    assert Limits().remarks == []


SMALL = 4_096


@pytest.mark.parametrize(
    ("speaks", "because"), [((4,), None), ((4, 5), None), ((4, 5), 149)], ids=["3.1.1", "5, no word", "5, a reason"]
)
def test_the_message_at_which_a_broker_ends_the_connection_is_found_and_left_out(caplog, speaks, because):
    owner = Owner(STATUS, COUNT, CONFIG, alerts=5)
    script = Script(speaks=speaks, cuts=lambda message: message.size > SMALL, because=because)
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: owner.content and link.state == ONLINE, 20), link.state
        assert link.problem.startswith("not taken: h/config: the broker ends the connection at it (5")
        connections = link.connections
        assert connections <= 8
        link.send(Message("d/unmasked", b"ON", 1, retain=True))
        assert eventually(lambda: broker.of("d/unmasked"))
        assert link.connections == connections
    assert "taken over" not in caplog.text
    assert caplog.text.count("not sent: h/config") == 1
    assert all(message.retain and message.qos == 1 for message in broker.of("d/status"))


def test_a_broker_of_3_1_1_that_cuts_at_retained_messages_gets_them_unretained(caplog):
    owner = Owner(STATUS, COUNT, alerts=2)
    script = Script(
        speaks=(4,), cuts=lambda message: message.retain, connack=lambda connect: None if connect.will_retain else 0
    )
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: owner.content and link.state == ONLINE, 20), link.state
        assert link.problem == ""
    assert next(message.qos for message in broker.of("d/status") if not message.retain) == 1
    assert "retains no messages" in caplog.text


@pytest.mark.parametrize("with_will", [False, True])
def test_a_broker_of_3_1_1_that_cuts_at_more_than_qos_0_gets_that(caplog, with_will):
    owner = Owner(STATUS, COUNT, alerts=2)
    script = Script(
        speaks=(4,),
        cuts=lambda message: message.qos > 0,
        connack=lambda connect: None if with_will and connect.will_qos else 0,
    )
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: owner.content and link.state == ONLINE, 20), link.state
        assert eventually(lambda: any(message.qos == 0 for message in broker.of("d/alert")), 10)
        assert link.problem == ""


def test_a_topic_that_a_broker_cuts_at_costs_no_other_message_its_qos_or_its_place():
    owner = Owner(Message("x/forbidden", b"1", 1, retain=True), STATUS, alerts=2)
    script = Script(speaks=(4,), cuts=lambda message: message.topic == "x/forbidden")
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: owner.content and link.state == ONLINE, 20), link.state
        assert link.problem.startswith("not taken: x/forbidden")
    assert all(message.retain and message.qos == 1 for message in broker.of("d/status"))


def test_a_broker_that_is_restarted_again_and_again_costs_no_message():
    owner = Owner(STATUS, COUNT, CONFIG, alerts=3)
    with ScriptedBroker(Script()) as broker, linked(broker.port, owner) as link:
        for number in range(6):
            assert eventually(lambda number=number: link.connections > number and link.state == ONLINE)
            before = len(broker.of("h/config"))
            broker.cut()
        assert eventually(lambda: link.connections == 7 and link.state == ONLINE)
        assert eventually(lambda: len(broker.of("h/config")) > before)
        assert eventually(lambda: owner.content)
        assert link.problem == ""


def test_what_was_left_out_is_tried_again_after_an_hour(monkeypatch):
    monkeypatch.setattr("edge.publish.isolation._SKIPPED_S", 1.0)
    owner, small = Owner(STATUS, CONFIG), [True]
    script = Script(speaks=(4,), cuts=lambda message: small[0] and message.size > SMALL)
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: link.problem, 20)
        small[0] = False
        time.sleep(1.0)
        link.send(CONFIG)
        before = len(broker.of("h/config"))
        assert eventually(lambda: len(broker.of("h/config")) > before)
        assert eventually(lambda: link.problem == "")


@pytest.mark.parametrize("code", [128, 131, 135, 144, 149, 151])
def test_what_the_broker_denies_is_a_state_a_problem_and_one_line(caplog, code):
    owner, denies = Owner(STATUS, CONFIG), [True]
    script = Script(puback=lambda message: code if denies[0] and message.topic == "d/alert" else 0)
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: link.state.startswith("denied: d/alert: "))
        assert link.problem.startswith("not taken: d/alert: ")
        assert len(broker.of("d/alert")) == 1
    assert caplog.text.count("denied: d/alert") == 1
    assert owner.acknowledged == []


def test_what_was_denied_goes_out_once_the_broker_allows_it(monkeypatch):
    monkeypatch.setattr("edge.publish.outgoing._PROBE_S", 0.2)
    owner, denies = Owner(STATUS, COUNT, alerts=3), [True]
    with ScriptedBroker(Script(puback=lambda _: 135 if denies[0] else 0)) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: link.state == "denied: d/status: Not authorized")
        assert eventually(lambda: "d/alert" in link.problem)
        time.sleep(0.5)
        assert owner.acknowledged == []
        denies[0] = False
        assert eventually(lambda: owner.content and link.state == ONLINE)
        assert (link.problem, link.connections) == ("", 1)
        assert eventually(lambda: len(broker.of("d/status")) >= 3)


def test_a_subscription_that_is_denied_is_reported_and_asked_for_again(monkeypatch):
    monkeypatch.setattr("edge.publish.outgoing._PROBE_S", 0.2)
    codes = [135, 1]
    script = Script(suback=lambda _: codes.pop(0) if len(codes) > 1 else codes[0])
    with ScriptedBroker(script) as broker, linked(broker.port, Owner(STATUS)) as link:
        assert eventually(lambda: link.last_problem == "denied: subscription d/set: Not authorized")
        assert eventually(lambda: link.state == ONLINE and link.problem == "")


@pytest.mark.parametrize("speaks", [(4,), (5,)])
def test_a_denied_topic_stays_denied_through_a_reconnect(speaks):
    script = Script(speaks=(5,), puback=lambda message: 135 if message.topic == "d/alert" else 0)
    states = []
    with ScriptedBroker(script) as broker, linked(broker.port, Owner(STATUS)) as link:
        assert eventually(lambda: link.state.startswith("denied"))
        broker.cut()
        assert eventually(lambda: states.append(link.state) or link.connections == 2, step_s=0.001)
        assert eventually(lambda: states.append(link.state) or len(broker.of("d/alert")) == 2, step_s=0.001)
    assert ONLINE not in states


def test_an_alert_without_a_subscriber_is_sent_again_once_there_is_one(monkeypatch):
    monkeypatch.setattr("edge.publish.outgoing._PROBE_S", 0.2)
    owner, nobody = Owner(STATUS, alerts=30), [True]
    script = Script(puback=lambda message: 16 if nobody[0] and message.topic == "d/alert" else 0)
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: len(broker.of("d/alert")) >= 32)
        assert owner.acknowledged == []
        assert link.state == ONLINE
        nobody[0] = False
        assert eventually(lambda: owner.content)
        assert link.connections == 1


def test_a_broker_that_acknowledges_nothing_is_reported_disconnected_and_tried_again_within_bounds(monkeypatch, caplog):
    monkeypatch.setattr("edge.publish.session._UNRESPONSIVE_S", 0.5)
    owner, silent = Owner(STATUS, alerts=100), [True]
    with (
        ScriptedBroker(Script(puback=lambda _: None if silent[0] else 0)) as broker,
        linked(broker.port, owner) as link,
    ):
        assert eventually(lambda: link.state.startswith("unresponsive"))
        assert len(broker.published) <= 20
        assert eventually(lambda: link.connections >= 3, 20)
        assert link.state.startswith("unresponsive")
        assert link.problem.startswith("unresponsive")
        assert caplog.text.count("unresponsive") == 1
        silent[0] = False
        assert eventually(lambda: owner.content and link.state == ONLINE, 20)
        assert link.problem == ""


def test_ten_thousand_messages_to_a_broker_that_acknowledges_nothing_take_no_memory():
    import tracemalloc

    with ScriptedBroker(Script(puback=lambda _: None)) as broker, linked(broker.port, Owner(alerts=0)) as link:
        assert eventually(lambda: link.state == ONLINE)
        tracemalloc.start()
        for number in range(10_000):
            link.send(Message("d/alert", b"%d" % number * 200, 1), str(number))
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held < 5e6


def test_what_the_full_queue_lost_is_sent_once_there_is_room():
    owner, goes_on = Owner(alerts=0), threading.Event()
    script = Script(puback=lambda _: 0 if goes_on.wait(20) else None)
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: link.state == ONLINE)
        for number in range(3_000):
            owner.alerts[f"alert-{number}"] = ALERT
            link.send(ALERT, f"alert-{number}")
        goes_on.set()
        assert eventually(lambda: owner.content, 30), len(owner.undelivered())
        assert link.connections == 1


def wrong_password(_: Connect) -> int:
    return 134


@pytest.mark.parametrize(("code", "words"), [(134, "Bad user name or password"), (135, "Not authorized")])
def test_a_wrong_password_is_never_called_a_take_over(caplog, code, words):
    with ScriptedBroker(Script(connack=lambda _: code)) as broker, linked(broker.port, Owner(STATUS)) as link:
        assert eventually(lambda: len(broker.connects) >= 5)
        assert link.state == f"refused: {words}"
    assert "taken over" not in caplog.text


@pytest.mark.parametrize("because", [128, 129, 130, 131, 135, 137, 139, 141, 144, 147, 149, 150, 151, 152, 156, 157])
def test_no_other_reason_is_called_a_take_over(caplog, because):
    script = Script(cuts=lambda _: True, because=because)
    with ScriptedBroker(script) as broker, linked(broker.port, Owner(STATUS, alerts=0)) as link:
        assert eventually(lambda: len(broker.connects) >= 5)
        assert eventually(lambda: link.last_problem.startswith("lost: "))
    assert "taken over" not in caplog.text


def test_a_take_over_that_the_broker_names_is_reported_at_once():
    with ScriptedBroker(Script(cuts=lambda _: True, because=142)) as broker, linked(broker.port, Owner(STATUS)) as link:
        assert eventually(lambda: link.state == "taken over: another client has our id"), (link.state, broker.connects)


def test_a_connection_that_ends_again_and_again_with_nothing_on_its_way_is_a_take_over():
    with ScriptedBroker(Script()) as broker, linked(broker.port, Owner(STATUS, alerts=0)) as link:
        for number in range(1, 4):
            assert eventually(lambda number=number: len(broker.of("d/status")) == number)
            time.sleep(0.1)
            broker.cut()
        assert eventually(lambda: link.state.startswith("taken over: does another client have the id device?"))


def test_a_take_over_is_found_though_something_is_always_on_its_way():
    with ScriptedBroker(Script()) as broker, linked(broker.port, Owner(STATUS, alerts=0)) as link:
        for number in range(1, 6):
            assert eventually(lambda number=number: len(broker.of("d/status")) == number)
            link.send(COUNT)
            assert eventually(lambda number=number: len(broker.of("d/count")) == number)
            broker.cut()
        assert eventually(lambda: link.last_problem.startswith("taken over: does another client have the id device?"))
        assert link.problem == ""


def test_a_broker_that_takes_less_than_it_took_is_found_out():
    """Restarted with a smaller limit: what it bore before is suspected, too, once nothing else explains the cuts."""
    owner, small = Owner(STATUS, CONFIG, alerts=2), [False]
    script = Script(speaks=(4,), cuts=lambda message: small[0] and message.size > SMALL)
    with ScriptedBroker(script) as broker, linked(broker.port, owner) as link:
        assert eventually(lambda: owner.content and broker.of("h/config"))
        small[0] = True
        broker.cut()
        assert eventually(lambda: link.problem.startswith("not taken: h/config"), 20), (link.state, link.problem)
        assert eventually(lambda: link.state == ONLINE)


@pytest.mark.parametrize("mqtt5", [False, True])
def test_a_topic_that_is_not_utf_8_is_passed_over_and_counted(caplog, mqtt5):
    heard = []
    with ScriptedBroker(Script(speaks=(5,) if mqtt5 else (4,))) as broker:
        link = MqttLink(
            Broker("127.0.0.1", broker.port, "d"), subscriptions=["#"], on_message=lambda *m: heard.append(m)
        )
        link.start()
        assert eventually(lambda: link.state == ONLINE)
        broker.send(publish(b"a/\xff\xfe", b"x", mqtt5=mqtt5) * 3 + publish(b"a/b", b"y", mqtt5=mqtt5))
        assert eventually(lambda: heard == [("a/b", b"y", False)])
        assert (link.ignored, link.connections, link.state) == (3, 1, ONLINE)
        link.close()
    assert caplog.text.count("a topic that is not UTF-8") == 1


@pytest.mark.parametrize("mqtt5", [False, True])
def test_a_packet_of_200_mb_is_read_past_acknowledged_and_not_kept(caplog, mqtt5):
    import resource

    heard, size = [], 200_000_000
    with ScriptedBroker(Script(speaks=(5,) if mqtt5 else (4,))) as broker:
        link = MqttLink(
            Broker("127.0.0.1", broker.port, "d"), subscriptions=["#"], on_message=lambda *m: heard.append(m)
        )
        link.start()
        assert eventually(lambda: link.state == ONLINE)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        beginning = b"\0\1a\0\7" + (b"\0" if mqtt5 else b"")
        broker.send(head(PUBLISH, len(beginning) + size, 2) + beginning)
        for _ in range(200):
            broker.send(bytes(size // 200))
        broker.send(publish(b"a", b"after", mqtt5=mqtt5))
        assert eventually(lambda: heard == [("a", b"after", False)], 60)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert (link.ignored, link.connections) == (1, 1)
        assert eventually(lambda: broker.acknowledged_by_client == [7])
        link.close()
    assert grown < 50_000
    assert "longer than 65536 bytes" in caplog.text


@pytest.mark.parametrize("mqtt5", [False, True])
def test_what_is_no_mqtt_ends_a_connection_and_never_the_link(mqtt5):
    """Random packets of every kind, among them torn ones, unknown reason codes and properties."""
    dice = random.Random(5)
    with ScriptedBroker(Script(speaks=(5,) if mqtt5 else (4,))) as broker:
        link = MqttLink(
            Broker("127.0.0.1", broker.port, "d", retry_min_s=0.001, retry_max_s=0.002), subscriptions=["#"]
        )
        link.start()
        for number in range(150):
            assert eventually(lambda number=number: link.connections > number)
            with suppress(OSError):
                for _ in range(5):
                    broker.send(packet(dice.randrange(1, 16), dice.randbytes(dice.randrange(12)), dice.randrange(16)))
                broker.send(dice.randbytes(20))
            broker.cut()
            link.check()
        link.close()


def test_an_owner_that_cannot_use_a_message_does_not_end_the_link():
    def choke(_topic: str, _payload: bytes, _retained: bool) -> None:
        raise RuntimeError("no use")

    with ScriptedBroker(Script()) as broker:
        link = MqttLink(Broker("127.0.0.1", broker.port, "d"), subscriptions=["#"], on_message=choke)
        link.start()
        assert eventually(lambda: link.state == ONLINE)
        broker.send(publish(b"a", b"x") * 3)
        assert eventually(lambda: link.ignored == 3)
        assert (link.state, link.connections) == (ONLINE, 1)
        link.check()
        link.close()
