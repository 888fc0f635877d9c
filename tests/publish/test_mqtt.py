"""The link, against real brokers."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from edge.publish.backoff import Ending
from edge.publish.broker import Broker
from edge.publish.embedded import EmbeddedBroker
from edge.publish.limits import Limits
from edge.publish.message import Message
from edge.publish.mqtt import ONLINE, MqttLink
from tests.support.fakes import eventually
from tests.support.listeners import Listener
from tests.support.mosquitto import Mosquitto
from tests.support.needs import need
from tests.support.ports import free_port

ARRIVED = Message("d/status", b"online", 1, retain=True)


def link(port: int, **changes) -> MqttLink:
    broker = {"host": "127.0.0.1", "port": port, "client_id": "device", "retry_min_s": 0.1, "retry_max_s": 0.3}
    parts = {key: changes.pop(key) for key in ("will", "greeting", "on_acknowledged") if key in changes}
    made = MqttLink(Broker(**{**broker, **changes}), **parts)
    made.start()
    return made


def test_a_message_arrives_and_its_acknowledgement_is_reported(mosquitto):
    listener, acknowledged = Listener(mosquitto.port), []
    device = link(mosquitto.port, on_acknowledged=acknowledged.append)
    assert eventually(lambda: device.state == ONLINE)
    device.send(Message("a/b", b"x", qos=1), "key-1")
    assert eventually(lambda: acknowledged == ["key-1"])
    assert eventually(lambda: listener.payloads("a/b") == [b"x"])
    device.close()
    listener.link.close()


def test_eight_hundred_messages_all_arrive_and_are_acknowledged(mosquitto):
    listener, acknowledged = Listener(mosquitto.port), []
    device = link(mosquitto.port, on_acknowledged=acknowledged.append)
    assert eventually(lambda: device.state == ONLINE)
    for number in range(800):
        assert eventually(lambda number=number: number - len(acknowledged) < 500)
        device.send(Message("n", str(number).encode(), qos=1), str(number))
    assert eventually(lambda: len(acknowledged) == 800, 30)
    assert eventually(lambda: len(listener.payloads("n")) == 800, 30)
    assert listener.payloads("n") == [str(number).encode() for number in range(800)]
    device.close()
    listener.link.close()


def test_a_broker_keeps_megabytes_from_us(mosquitto):
    listener, device = Listener(mosquitto.port), link(mosquitto.port)
    assert eventually(lambda: device.state == ONLINE)
    for payload in (b"x" * 70_000, b"y" * 60_000):
        device.send(Message("a", payload, 1))
    assert eventually(lambda: listener.payloads("a"))
    assert listener.payloads("a") == [b"y" * 60_000]
    assert listener.link.state == ONLINE
    device.close()
    listener.link.close()


def test_the_last_word_is_retained_when_the_link_is_closed(mosquitto):
    device = link(mosquitto.port, will=Message("status", b"offline", 1, retain=True))
    assert eventually(lambda: device.state == ONLINE)
    device.send(Message("status", b"online", 1, retain=True))
    device.close(Message("status", b"offline", 1, retain=True))
    listener = Listener(mosquitto.port)
    assert eventually(lambda: ("status", b"offline", True) in listener.heard)
    listener.link.close()


def test_a_broker_that_restarts_is_found_again_and_greeted_again(tmp_path):
    broker = Mosquitto(tmp_path)
    broker.start()
    device = link(broker.port, greeting=lambda: [("", Message("hello", b"1", 1, retain=True))])
    assert eventually(lambda: device.state == ONLINE)
    broker.stop()
    assert eventually(lambda: device.state != ONLINE)
    broker.start()
    assert eventually(lambda: device.state == ONLINE)
    assert device.connections == 2
    listener = Listener(broker.port)
    assert eventually(lambda: listener.payloads("hello") == [b"1"])
    device.close()
    listener.link.close()
    broker.stop()


def test_with_a_broker_that_speaks_3_1_1_only_the_link_uses_3_1_1():
    port = free_port()
    broker, known = EmbeddedBroker(port, "u", "p"), {"user": "u", "password": "p"}
    device = link(port, will=Message("status", b"offline", 1, retain=True), client_id="5-first", **known)
    assert eventually(lambda: device.state == ONLINE), device.state
    listener = Listener(port, mqtt5=False, **known)
    device.send(Message("a", b"1", 1), "k")
    assert eventually(lambda: listener.payloads("a") == [b"1"])
    device.close(Message("status", b"offline", 1, retain=True))
    listener.link.close()
    broker.close()


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_is_a_state_of_its_own_and_stands_in_no_log(tmp_path, caplog, password):
    secrets = tmp_path / "passwords"
    subprocess.run([need("mosquitto_passwd"), "-b", "-c", str(secrets), "u", "right"], check=True)
    secrets.chmod(0o644)
    broker = Mosquitto(tmp_path, f"password_file {secrets}", "allow_anonymous false")
    broker.start()
    caplog.set_level("DEBUG")
    refused = link(broker.port, user="u", password=password)
    assert eventually(lambda: refused.state.startswith("refused")), refused.state
    assert "wrong" not in caplog.text
    refused.close()
    accepted = link(broker.port, user="u", password="right")
    assert eventually(lambda: accepted.state == ONLINE)
    accepted.close()
    broker.stop()


@pytest.mark.parametrize(
    ("host", "state"), [("127.0.0.1", "unreachable"), ("no-such-host.invalid", "unknown host name")]
)
def test_a_broker_that_is_not_there_is_a_transient_error(host, state):
    device = link(free_port(), host=host)
    assert eventually(lambda: state in device.state, 20), device.state
    device.close()


def test_closing_is_quick_though_the_broker_is_frozen(mosquitto):
    device = link(mosquitto.port)
    assert eventually(lambda: device.state == ONLINE)
    mosquitto.signal(signal.SIGSTOP)
    closing = threading.Thread(target=device.close, args=(Message("status", b"offline", 1, retain=True),))
    closing.start()
    closing.join(5)
    mosquitto.signal(signal.SIGCONT)
    assert not closing.is_alive()


def test_a_state_is_logged_once_however_often_it_is_tried(caplog):
    caplog.set_level("INFO")
    device = link(free_port())
    assert eventually(lambda: "unreachable" in device.state)
    threading.Event().wait(1.0)
    device.close()
    assert caplog.text.count("unreachable") == 1


def test_a_password_does_not_show_when_a_broker_is_printed():
    assert "hush" not in repr(Broker("h", 1, "c", password="hush"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("hush\n")
    return path


def test_a_password_file_that_everybody_may_read_is_refused(secret):
    from edge.errors import ConfigError
    from edge.publish.broker import broker_of
    from edge.settings.load import load

    settings = load(overrides=["mqtt.user=u", f"mqtt.password_file={secret}"]).settings.mqtt
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="everybody may read it"):
        broker_of(settings, "c")
    secret.chmod(0o640)
    assert broker_of(settings, "c").password == "hush"
    secret.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        broker_of(settings, "c")


def test_a_closed_link_has_stopped_and_one_that_was_never_started_can_be_closed(mosquitto, caplog):
    made = link(mosquitto.port)
    assert eventually(lambda: made.state == ONLINE)
    made.close()
    assert made.state == "stopped"
    MqttLink(Broker("127.0.0.1", mosquitto.port, "device")).close()
    assert "does not end" not in caplog.text


class EndingSession:
    """A session that the broker accepts and ends at once, and that records whether a message that arrived is blamed."""

    blamed: ClassVar[list[bool]] = []

    def __init__(self, _broker, _options, _owner, memory, _on_state) -> None:
        self._isolation = memory.isolation

    def run(self, stop: threading.Event, _last_word) -> Ending:
        if not self.blamed:
            self._isolation.arrived(ARRIVED, 1)
        self.blamed.append(self._isolation.connection_ended([ARRIVED], 0.0))
        if len(self.blamed) == 4:
            stop.set()
        return Ending(1.0, opened=True, answered=True, granted=Limits(), contested=True)


def test_a_message_that_arrived_before_is_blamed_only_once_connections_end_again_and_again(monkeypatch):
    monkeypatch.setattr("edge.publish.mqtt.Session", EndingSession)
    monkeypatch.setattr(EndingSession, "blamed", [])
    made = MqttLink(Broker("127.0.0.1", 1, "device", retry_min_s=0.001, retry_max_s=0.001))
    made.start()
    assert eventually(lambda: len(EndingSession.blamed) == 4)
    made.close()
    assert EndingSession.blamed == [False, False, False, True]
