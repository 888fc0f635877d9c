"""The embedded broker: who gets in, and what strangers on this machine can do to it."""

from __future__ import annotations

import asyncio
import random
import shlex
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edge.errors import ConfigError, NotRunning
from edge.publish import access, private_broker
from edge.publish.broker import Broker
from edge.publish.embedded import EmbeddedBroker
from edge.publish.message import Message
from edge.publish.mqtt import ONLINE, MqttLink
from edge.settings.load import load
from tests.support.fakes import eventually
from tests.support.needs import need
from tests.support.program import command, environment
from tests.support.service import known

KNOWN = {"user": "maskwatch", "password": "secret", "mqtt5": False}


@contextmanager
def embedded():
    broker = EmbeddedBroker(0, "maskwatch", "secret")
    try:
        yield broker
    finally:
        broker.close()


@contextmanager
def client(port: int, name: str = "c", **more):
    heard: list[tuple[str, bytes, bool]] = []
    made = MqttLink(
        Broker("127.0.0.1", port, name, retry_min_s=0.1, retry_max_s=0.2, **{**KNOWN, **more}),
        subscriptions=["#"],
        on_message=lambda topic, payload, retained: heard.append((topic, payload, retained)),
    )
    made.start()
    try:
        yield made, heard
    finally:
        made.close()


def started(*words: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


@pytest.fixture
def state_home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    return tmp_path


def test_where_the_usual_port_is_taken_the_next_free_one_is_used_and_subscribers_find_it(tmp_path):
    need("mosquitto_sub")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held = False
        with suppress(OSError):  # another broker on this machine has it: just as well
            taken.bind(("127.0.0.1", 1883))
            taken.listen()
            held = True
        env = environment(XDG_STATE_HOME=str(tmp_path))
        arguments = ("--source", "demo", "--headless", "--set", "device.name=stop-7", "--set", "show.terminal=on")
        run = subprocess.Popen(
            command("run", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
        )
        assert eventually((tmp_path / "maskwatch/mosquitto_sub").exists, 30)
        line = next(line for line in run.stdout if line.startswith("alerts:")).removeprefix("alerts:").strip()
        printed = subprocess.run(f"{line} -C 5 -W 20", shell=True, capture_output=True, text=True, env=env, check=False)
        watch = started("watch", env=env)
        line = watch.stdout.readline()
        for process in (watch, run):
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
            assert process.returncode == 0, err
    assert "maskwatch/1/stop-7/status online" in printed.stdout, (line, printed)
    assert "stop-7/main" in line
    # where somebody else had it, it may have been free again by the time it was asked for
    assert not held or "port 1883 is in use, listening on " in err
    assert known(tmp_path)["password"] not in out + err + line


def test_a_port_that_was_asked_for_and_is_taken_is_refused_by_name():
    with embedded() as broker, pytest.raises(ConfigError, match=rf"mqtt\.port: {broker.port} is in use here"):
        EmbeddedBroker(broker.port, "u", "p")


@pytest.mark.parametrize("more", [{"user": "", "password": ""}, {"password": "wrong"}, {"user": "root"}])
def test_no_client_connects_without_the_password_or_ends_the_session_of_one_that_has_it(more):
    with embedded() as broker, client(broker.port, "device") as (device, _):
        assert eventually(lambda: device.state == ONLINE)
        with client(broker.port, "device", **more) as (stranger, _):
            assert eventually(lambda: stranger.state.startswith("refused")), stranger.state
        device.send(Message("a", b"1", qos=1, retain=True))
        with client(broker.port, "late") as (_, heard):
            assert eventually(lambda: any(found[:2] == ("a", b"1") for found in heard))
        assert device.connections == 1


def test_how_to_get_in_is_for_the_owner_alone_and_stays_the_same(state_home):
    mqtt = load(overrides=["mqtt.host=embedded"], system_file=Path("/nonexistent")).settings.mqtt
    with pytest.raises(NotRunning, match="no maskwatch with an embedded broker has run here"):
        access.find(mqtt)
    opened = access.with_credential(Broker("127.0.0.1", 1885, "c", mqtt5=False))
    assert len(opened.password) == 32
    access.keep(opened)
    files = sorted(path for path in (state_home / "maskwatch").iterdir())
    assert [(path.name, path.stat().st_mode & 0o777) for path in files] == [
        ("mosquitto_pub", 0o600),
        ("mosquitto_sub", 0o600),
    ]
    assert (found := access.find(mqtt)).port == 1885
    assert (found.user, found.password) == (opened.user, opened.password)
    assert access.with_credential(Broker("127.0.0.1", 1886, "c")).password == opened.password
    files[1].chmod(0o644)
    assert access.with_credential(Broker("127.0.0.1", 1886, "c")).password != opened.password


def test_a_state_folder_that_cannot_be_written_keeps_no_first_run_from_starting(state_home, caplog):
    (state_home / "maskwatch").write_text("in the way")
    access.keep(access.with_credential(Broker("127.0.0.1", 1885, "c")))
    assert "no other program can subscribe" in caplog.text


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["mqtt.host=127.0.0.1", "mqtt.port=1885"], "mosquitto_sub -h 127.0.0.1 -p 1885 -t 'maskwatch/#' -v"),
        (["mqtt.host=broker.example"], "maskwatch watch, with these settings"),
    ],
)
def test_the_printed_line_is_one_that_works(overrides, line):
    from edge.publish.broker import broker_of

    mqtt = load(overrides=overrides).settings.mqtt
    assert access.how_to_subscribe(mqtt, broker_of(mqtt, "c")) == line
    assert shlex.split(line)


def test_what_is_retained_is_bounded_by_number_and_by_size():
    with embedded() as broker, client(broker.port) as (device, heard):
        assert eventually(lambda: device.state == ONLINE)
        for number in range(1_100):
            device.send(Message(f"n/{number}", b"x", qos=1, retain=True))
            assert eventually(lambda number=number: len(heard) > number - 100)
        assert eventually(lambda: len(heard) == 1_100, 30)
        assert len(broker._broker.retained_messages) == 1_000
        for number in range(1_000):
            device.send(Message(f"n/{number}", b"", qos=1, retain=True))
            assert eventually(lambda number=number: len(heard) > 1_100 + number - 100)
        assert eventually(lambda: not broker._broker.retained_messages, 30)
        for number in range(80):
            device.send(Message(f"big/{number}", b"x" * 60_000, qos=1, retain=True))
            assert eventually(lambda number=number: len(heard) > 2_100 + number - 5)
        assert eventually(lambda: len(heard) == 2_180, 30)
        assert len(broker._broker.retained_messages) == 4_194_304 // 60_000


def test_a_session_that_is_away_is_kept_a_bounded_number_of_messages():
    with embedded() as broker, client(broker.port) as (device, heard):
        options = f"-V 311 -p {broker.port} -u maskwatch -P secret -i away -c -q 1 -t # -E"
        subprocess.run([need("mosquitto_sub"), *options.split()], check=True)
        for number in range(1_100):
            device.send(Message("a", b"%d" % number, qos=1))
            assert eventually(lambda number=number: len(heard) > number - 100)
        assert eventually(lambda: len(heard) == 1_100, 30)
        session, _ = broker._broker._sessions["away"]
        assert eventually(lambda: session.retained_messages.qsize() == 1_000)


def connected(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.settimeout(10)
    return made


def closed(made: socket.socket) -> bool:
    """Return whether the broker ends a connection, whatever it answers before."""
    with suppress(ConnectionError):
        while made.recv(4_096):
            pass
    return True


def test_strangers_that_send_nothing_are_disconnected_and_keep_no_client_out(monkeypatch):
    monkeypatch.setattr(private_broker, "_HANDSHAKE_S", 2.0)
    with embedded() as broker:
        silent = [connected(broker.port) for _ in range(300)]
        began_at = time.monotonic()
        assert all(closed(made) for made in silent)
        assert time.monotonic() - began_at < 8
        with client(broker.port) as (device, _):
            assert eventually(lambda: device.state == ONLINE)
        for made in silent:
            made.close()


def test_nothing_that_a_stranger_sends_stops_the_broker_or_fills_memory():
    dice = random.Random(11)
    connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd"
    huge = b"\x10\xff\xff\xff\x7f\x00\x04MQTT\x04\xc2\x00\x3c"
    with embedded() as broker, client(broker.port, "device") as (device, heard):
        assert eventually(lambda: device.state == ONLINE)
        for number in range(300):
            made = connected(broker.port)
            noise = bytearray(dice.choice((connect, huge)) + dice.randbytes(dice.randrange(40)))
            noise[dice.randrange(len(noise))] = dice.randrange(256)
            with suppress(ConnectionError):
                made.sendall(noise)
                made.shutdown(socket.SHUT_WR)
            assert closed(made), number
            made.close()
        device.send(Message("still", b"here"))
        assert eventually(lambda: ("still", b"here", False) in heard)
        assert device.connections == 1


def test_a_packet_of_megabytes_ends_its_connection_unread():
    with embedded() as broker, client(broker.port, "big") as (device, _):
        assert eventually(lambda: device.state == ONLINE)
        device.send(Message("a", b"x" * 300_000, qos=1))
        assert eventually(lambda: device.connections >= 2)


def test_the_last_word_reaches_its_subscribers_before_the_broker_stops(monkeypatch):
    """On a busy machine `offline` was still in the broker's queue when it stopped, and nobody heard it."""
    send = private_broker.PrivateBroker._run_broadcast

    async def late(self, tasks):
        await asyncio.sleep(0.05)
        await send(self, tasks)

    monkeypatch.setattr(private_broker.PrivateBroker, "_run_broadcast", late)
    with (
        embedded() as broker,
        client(broker.port, "reader") as (_, heard),
        client(broker.port, "writer") as (writer, _),
    ):
        assert eventually(lambda: writer.state == ONLINE)
        writer.send(Message("first", b"1", 1, False))
        assert eventually(lambda: heard)
        writer.close(Message("status", b"offline", 1, False))
        broker.close()
        assert eventually(lambda: ("status", b"offline", False) in heard, 5)
