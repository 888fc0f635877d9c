"""Rows 13 to 21: brokers that are absent, restart, freeze, refuse, have a wrong certificate or send hostile data."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.publish.broker import Broker
from edge.publish.message import Message
from edge.publish.mqtt import ONLINE, MqttLink
from edge.publish.publisher import Publisher
from tests.support import driver, fakes
from tests.support.certificates import Pair, authority, signed
from tests.support.driver import publishing, raise_alerts
from tests.support.fakes import Stopwatch, eventually
from tests.support.listeners import Hearer, hearing
from tests.support.mosquitto import Mosquitto
from tests.support.needs import need
from tests.support.ports import free_port
from tests.support.station import seconds_until

TOPIC = f"maskwatch/1/{driver.DEVICE}/camera/main/alert"


@contextmanager
def linked(port: int, **changes) -> Iterator[MqttLink]:
    """Return a link that tries again quickly where it may."""
    parts = {key: changes.pop(key) for key in ("subscriptions", "on_message", "greeting") if key in changes}
    fields = {"client_id": "device", "retry_min_s": 0.1, "retry_max_s": 0.5, **changes}
    made = MqttLink(Broker(**{"host": "127.0.0.1", "port": port, **fields}), **parts)
    made.start()
    try:
        yield made
    finally:
        made.close()


def test_what_is_raised_before_there_is_a_broker_arrives_when_it_comes(tmp_path, record_property):
    broker = Mosquitto(tmp_path)
    with publishing(broker.port, path=tmp_path / "o.db") as publisher:
        raised = raise_alerts(publisher, range(30))
        assert eventually(lambda: "unreachable" in publisher.state)
        broker.start()
        with hearing(broker) as hearer:
            record_property("recovered_s", seconds_until(lambda: raised <= hearer.keys(), 10))
    broker.stop()


def test_a_broker_that_restarts_hears_state_and_subscriptions_again(tmp_path, record_property):
    broker, received = Mosquitto(tmp_path), []
    broker.start()
    changes = {"subscriptions": ["ask"], "on_message": lambda _topic, payload, _retained: received.append(payload)}
    with linked(broker.port, **changes) as link, publishing(broker.port) as publisher:
        assert eventually(lambda: link.state == publisher.state == ONLINE)
        broker.stop()
        record_property("noticed_s", seconds_until(lambda: ONLINE not in (link.state, publisher.state), 5))
        broker.start()
        record_property("recovered_s", seconds_until(lambda: link.state == publisher.state == ONLINE, 5))
        with hearing(broker) as hearer:
            names = ("/status", "/info", "/unmasked")
            assert eventually(lambda: all(any(t.endswith(n) for t, _ in hearer.heard) for n in names))
            subprocess.run(
                [need("mosquitto_pub"), "-p", str(broker.port), "-t", "ask", "-m", "x", "-q", "1"], check=True
            )
            assert eventually(lambda: received == [b"x"])
    broker.stop()


def test_a_half_open_link_is_found_within_one_and_a_half_keepalives(mosquitto, record_property):
    keepalive_s = 5
    with linked(mosquitto.port, keepalive_s=keepalive_s) as link:
        assert eventually(lambda: link.state == ONLINE)
        time.sleep(1.2)  # so that the last ping is behind us and the next is not due at once
        mosquitto.signal(signal.SIGSTOP)
        try:
            record_property("noticed_s", seconds_until(lambda: link.state != ONLINE, 1.5 * keepalive_s))
        finally:
            mosquitto.signal(signal.SIGCONT)
        record_property("recovered_s", seconds_until(lambda: link.state == ONLINE, 15))


def test_a_name_that_does_not_resolve_holds_up_nothing_and_what_was_raised_is_kept():
    with publishing(1883, host="no-such-host.invalid") as publisher:
        watch = Stopwatch()
        raised = raise_alerts(publisher, range(50))
        assert watch.s < 1.0
        assert eventually(lambda: "unknown host name" in publisher.state, 20), publisher.state
        assert eventually(lambda: publisher.outbox.waiting == len(raised))


@contextmanager
def guarded(folder: Path) -> Iterator[tuple[Mosquitto, Path]]:
    """Return a broker that wants the password `right` of `u`, and its log."""
    secrets, log = folder / "passwords", folder / "broker.log"
    subprocess.run([need("mosquitto_passwd"), "-b", "-c", str(secrets), "u", "right"], check=True)
    secrets.chmod(0o644)
    lines = (f"password_file {secrets}", "allow_anonymous false", f"log_dest file {log}", "log_type all")
    broker = Mosquitto(folder, *lines)
    broker.start()
    yield broker, log
    broker.stop()


def test_a_wrong_password_is_tried_slowly_named_as_such_and_stands_in_no_log(tmp_path, caplog, record_property):
    caplog.set_level("DEBUG")
    began_at = time.monotonic()
    bounds = {"user": "u", "password": "hush-hush", "retry_min_s": 0.05, "retry_max_s": 4.0}
    with guarded(tmp_path) as (broker, log), linked(broker.port, **bounds) as link:
        assert eventually(lambda: link.state.startswith("refused"), 10), link.state
        record_property("noticed_s", round(time.monotonic() - began_at, 2))
        time.sleep(3.0)
        assert link.state.startswith("refused")
        assert log.read_text().count("CONNACK") <= 3
    assert "hush-hush" not in caplog.text + repr(link._broker)


@pytest.fixture(scope="module")
def ca(tmp_path_factory) -> Pair:
    return authority(tmp_path_factory.mktemp("ca"), "authority")


@contextmanager
def secured(folder: Path, server: Pair, trusted: Pair | None = None) -> Iterator[Mosquitto]:
    """Return a broker with TLS; one that wants a client certificate where `trusted` signs those."""
    port = free_port()
    lines = [f"listener {port} 127.0.0.1", f"certfile {server.cert}", f"keyfile {server.key}"]
    lines += [f"cafile {trusted.cert}", "require_certificate true"] if trusted else []
    broker = Mosquitto(folder, *lines, port=port)
    broker.start()
    yield broker
    broker.stop()


def test_a_broker_with_a_good_certificate_is_trusted(tmp_path, ca):
    with (
        secured(tmp_path, signed(tmp_path, "server", ca)) as broker,
        linked(broker.port, tls=True, ca_file=str(ca.cert)) as link,
    ):
        assert eventually(lambda: link.state == ONLINE, 20), link.state


def test_a_broker_that_wants_a_client_certificate_gets_it_and_refuses_who_has_none(tmp_path, ca):
    client = signed(tmp_path, "client", ca)
    shown = {"tls": True, "ca_file": str(ca.cert)}
    with secured(tmp_path, signed(tmp_path, "server", ca), trusted=ca) as broker:
        with linked(broker.port, **shown, cert_file=str(client.cert), key_file=str(client.key)) as link:
            assert eventually(lambda: link.state == ONLINE, 20), link.state
        with linked(broker.port, **shown) as link:
            assert eventually(lambda: link.state.startswith(("tls", "mute", "lost")), 20), link.state
            assert link.connections == 0


@pytest.mark.parametrize(
    ("wrong", "named"), [("expired", "expired"), ("other authority", "issuer"), ("other host", "127.0.0.1")], ids=str
)
def test_a_certificate_that_is_wrong_is_refused_and_the_reason_is_named(tmp_path, ca, wrong, named, record_property):
    by = authority(tmp_path, "stranger") if wrong == "other authority" else ca
    host = "other.example" if wrong == "other host" else "127.0.0.1"
    server = signed(tmp_path, "server", by, host=host, expired=wrong == "expired")
    with secured(tmp_path, server) as broker, linked(broker.port, tls=True, ca_file=str(ca.cert)) as link:
        noticed_s = seconds_until(lambda: link.state.startswith("tls") and named in link.state, 15)
        record_property("noticed_s", noticed_s)
        assert link.connections == 0


def test_two_clients_with_one_id_do_not_fight_and_it_is_reported(tmp_path, record_property):
    log = tmp_path / "broker.log"
    broker = Mosquitto(tmp_path, f"log_dest file {log}", "log_type all")
    broker.start()
    pace = {"retry_min_s": 0.1, "retry_max_s": 4.0}
    with linked(broker.port, **pace) as first, linked(broker.port, **pace) as second:
        told_s = seconds_until(lambda: "taken over" in first.state + second.state, 30)
        record_property("noticed_s", told_s)
        before = log.read_text().count("CONNACK")
        time.sleep(4.0)
        assert log.read_text().count("CONNACK") - before <= 5
    broker.stop()


def test_a_day_without_a_broker_is_bounded_drops_updates_first_and_reports_how_many(tmp_path):
    broker = Mosquitto(tmp_path)
    with publishing(broker.port, limit=100) as publisher:
        raise_alerts(publisher, range(90), seq=1)
        kept = raise_alerts(publisher, range(2000, 2060)) | raise_alerts(publisher, range(2000, 2040), seq=2)
        assert eventually(lambda: publisher.outbox.waiting == 100)
        broker.start()
        with hearing(broker) as hearer:
            assert eventually(lambda: kept <= hearer.keys(), 20)
            assert hearer.keys() == kept
            assert eventually(lambda: published_drops(publisher, hearer) == 90), hearer.bodies("/stats")
    broker.stop()


def published_drops(publisher: Publisher, hearer: Hearer) -> int:
    """Process one more scene, and return the number of dropped alerts in `stats`."""
    publisher.put(fakes.scene())
    stats = hearer.bodies("/stats")
    return stats[-1]["outbox"]["dropped"] if stats else -1


def hostile(dice: random.Random) -> bytes:
    """Return a payload that means harm, or nothing."""
    kinds = (dice.randbytes(dice.randrange(300)), b"[" * 5000, b'{"event_id": "' + b"9" * 60_000, b"null", b"")
    return dice.choice(kinds)


def test_hostile_messages_end_nothing_and_move_nothing(mosquitto):
    """A client that may publish on the broker can send anything to any topic that the program listens to."""
    dice, heard = random.Random(21), threading.Event()
    accepted: list[bytes] = []

    def take(_topic: str, payload: bytes, _retained: bool) -> None:
        from edge.publish.subscriber import parse

        accepted.extend([payload] if parse(payload) is not None else [])
        if payload == b"the end":
            heard.set()

    with linked(mosquitto.port, subscriptions=["#"], on_message=take) as link, publishing(mosquitto.port) as publisher:
        assert eventually(lambda: link.state == publisher.state == ONLINE)
        with linked(mosquitto.port, client_id="stranger") as stranger:
            assert eventually(lambda: stranger.state == ONLINE)
            for number in range(400):
                topic = dice.choice((TOPIC, "maskwatch/1/kills/notice/set", "homeassistant/status", f"x/{number}"))
                stranger.send(Message(topic, hostile(dice), qos=1))
            stranger.send(Message("x", b"the end", qos=1))
            assert heard.wait(20)
        assert accepted == []
        assert link.state == publisher.state == ONLINE
        with hearing(mosquitto) as hearer:
            raised = raise_alerts(publisher, range(3))
            assert eventually(lambda: raised <= hearer.keys())
