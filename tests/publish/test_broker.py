"""From settings to a broker: every form of an address, contradictions by name, web sockets on a real broker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.errors import ConfigError
from edge.publish.broker import broker_of, device_name, takes_commands
from edge.publish.message import Message
from edge.publish.mqtt import ONLINE, MqttLink
from edge.settings.load import load
from tests.support.fakes import eventually
from tests.support.listeners import Listener
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port


def settings(*overrides: str):
    return load(overrides=[f"mqtt.{override}" for override in overrides]).settings.mqtt


@pytest.mark.parametrize(
    ("overrides", "host", "port", "tls", "path"),
    [
        (["host=mqtts://broker.example"], "broker.example", 8883, True, ""),
        (["host=mqtts://broker.example:8884"], "broker.example", 8884, True, ""),
        (["host=mqtts://127.0.0.1"], "127.0.0.1", 8883, True, ""),
        (["host=mqtt://127.0.0.1"], "127.0.0.1", 1883, False, ""),
        (["host=mqtt://broker.example", "tls=off"], "broker.example", 1883, False, ""),
        (["host=[::1]"], "::1", 1883, False, ""),
        (["host=[::1]:1884"], "::1", 1884, False, ""),
        (["host=::1"], "::1", 1883, False, ""),
        (["host=broker.example:8884"], "broker.example", 8884, True, ""),
        (["host=broker.example:8884", "port=8884"], "broker.example", 8884, True, ""),
        (["host=wss://broker.example"], "broker.example", 443, True, "/mqtt"),
        (["host=wss://broker.example/live"], "broker.example", 443, True, "/live"),
        (["host=ws://127.0.0.1:9001", "path=/live"], "127.0.0.1", 9001, False, "/live"),
        (["host=broker.example", "transport=websockets"], "broker.example", 443, True, "/mqtt"),
        (["host=127.0.0.1", "transport=websockets", "port=9001"], "127.0.0.1", 9001, False, "/mqtt"),
    ],
)
def test_every_form_of_an_address_leads_to_the_broker_that_it_names(overrides, host, port, tls, path):
    broker = broker_of(settings(*overrides), "c")
    assert (broker.host, broker.port, broker.tls, broker.path) == (host, port, tls, path)
    assert broker.websockets == bool(path)


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["host=http://broker.example"], "mqtt.host"),
        (["host=mqtt://broker.example"], "mqtt.host"),
        (["host=ws://broker.example", "tls=on"], "mqtt.host"),
        (["host=mqtt://127.0.0.1", "tls=on"], "mqtt.host"),
        (["host=mqtts://broker.example", "tls=off"], "mqtt.tls"),
        (["host=mqtts://broker.example", "transport=websockets"], "mqtt.transport"),
        (["host=broker.example:8884", "port=8883"], "mqtt.port"),
        (["host=broker.example", "password_file=/etc/hostname"], "mqtt.password_file: is set without mqtt.user"),
        (["host=broker.example", "key_file=/etc/hostname"], "mqtt.key_file: is set without mqtt.cert_file"),
        (["host=broker.example", "tls=off", "ca_file=/etc/hostname"], "mqtt.tls: off, but mqtt.ca_file"),
        (["host=broker.example", "path=live"], "mqtt.path"),
    ],
)
def test_settings_of_which_one_would_have_no_effect_are_refused_by_name(overrides, key):
    with pytest.raises(ConfigError, match=key):
        broker_of(settings(*overrides), "c")


@pytest.mark.parametrize(
    ("host", "taken"),
    [("mqtt://127.0.0.1:1884", True), ("[::1]:1884", True), ("wss://broker.example", False), ("192.0.2.7:1", False)],
)
def test_commands_are_taken_by_where_the_broker_is_however_it_is_written(host, taken):
    assert takes_commands(settings(f"host={host}")) == taken


@pytest.mark.parametrize("mqtt5", [True, False])
def test_a_device_on_a_web_socket_and_a_client_on_tcp_hear_each_other(tmp_path, mqtt5):
    port, web_port = free_port(), free_port()
    lines = (f"listener {port} 127.0.0.1", f"listener {web_port} 127.0.0.1", "protocol websockets")
    mosquitto = Mosquitto(tmp_path, *lines, port=port)
    mosquitto.start()
    listener, heard = Listener(port), []
    target = broker_of(settings(f"host=ws://127.0.0.1:{web_port}"), "device")
    device = MqttLink(
        replace(target, mqtt5=mqtt5),
        subscriptions=["to/device"],
        on_message=lambda _topic, payload, _retained: heard.append(payload),
    )
    device.start()
    assert eventually(lambda: device.state == ONLINE)
    device.send(Message("from/device", b"x" * 60_000, qos=1))
    assert eventually(lambda: listener.payloads("from/device") == [b"x" * 60_000])
    for number in range(100):
        listener.link.send(Message("to/device", b"%d" % number, qos=1))
    assert eventually(lambda: heard == [b"%d" % number for number in range(100)])
    device.close()
    listener.link.close()
    mosquitto.stop()


@pytest.mark.parametrize("more", [["user=stop-7"], ["cert_file=/etc/hostname"]])
def test_commands_are_taken_from_the_network_where_the_broker_knows_us(more):
    assert not takes_commands(settings("host=broker.example"))
    assert takes_commands(settings("host=broker.example", *more))


@pytest.mark.parametrize(("url", "secure"), [("mqtt://broker.example", "mqtts://"), ("ws://broker.example", "wss://")])
def test_a_url_of_plain_text_is_refused_with_the_secure_one_named(url, secure):
    with pytest.raises(ConfigError, match=f"the URL asks for plain text; write {secure}, or set mqtt.tls=off"):
        broker_of(settings(f"host={url}"), "c")


def test_a_device_has_the_name_that_is_set_and_else_that_of_the_host_as_far_as_a_topic_allows(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "bus stop/7.local#+")
    assert device_name(load(overrides=["device.name=gate"]).settings.device) == "gate"
    assert device_name(load().settings.device) == "bus-stop-7.local--"
