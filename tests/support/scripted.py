"""A broker that does what its script says: it refuses, cuts, stops answering, or sends what is not MQTT."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from tests.support.ports import free_port

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14
_PROPERTIES = {
    "server_keep_alive": (0x13, "!H"),
    "receive_maximum": (0x21, "!H"),
    "topic_alias_maximum": (0x22, "!H"),
    "maximum_qos": (0x24, "!B"),
    "retain_available": (0x25, "!B"),
    "maximum_packet_size": (0x27, "!I"),
}
"""Source: MQTT 5, 2.2.2.2."""


@dataclass(frozen=True)
class Published:
    """A PUBLISH packet as it came; `size` with all of its bytes."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    size: int


@dataclass(frozen=True)
class Connect:
    """The fields of a CONNECT."""

    mqtt5: bool
    keepalive_s: int
    will_qos: int
    will_retain: bool


@dataclass
class Script:
    """How a broker behaves.

    speaks: the versions of MQTT.  connack: the reason code for a CONNECT, 0 to accept it, None for no answer.  puback:
    a reason code, or None for no answer.  cuts: whether the connection ends at a message; `because`: the reason code
    of the DISCONNECT, None for none.
    """

    speaks: tuple[int, ...] = (4, 5)
    connack: Callable[[Connect], int | None] = lambda _: 0
    grants: dict[str, int] = field(default_factory=dict)
    puback: Callable[[Published], int | None] = lambda _: 0
    suback: Callable[[str], int] = lambda _: 1
    cuts: Callable[[Published], bool] = lambda _: False
    because: int | None = None
    answers_pings: bool = True


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    """Return a packet with its length before it."""
    return head(kind, len(body), flags) + body


def head(kind: int, rest: int, flags: int = 0) -> bytes:
    """Return the beginning of a packet of which so many bytes follow."""
    length = b""
    while True:
        length += bytes([rest % 128 | (128 if rest >= 128 else 0)])
        rest //= 128
        if not rest:
            return bytes([kind << 4 | flags]) + length


def publish(topic: bytes, payload: bytes, *, mqtt5: bool = True, qos: int = 0, mid: int = 1) -> bytes:
    """Return a PUBLISH packet to send to a client."""
    middle = struct.pack("!H", mid) if qos else b""
    return packet(
        PUBLISH, struct.pack("!H", len(topic)) + topic + middle + (b"\0" if mqtt5 else b"") + payload, qos << 1
    )


class ScriptedBroker:
    """Serves on `port` until it is closed; keeps every CONNECT and PUBLISH that came."""

    def __init__(self, script: Script) -> None:
        self.script, self.port = script, free_port()
        self.connects: list[Connect] = []
        self.published: list[Published] = []
        self.pings = 0
        self.acknowledged_by_client: list[int] = []
        self._connections: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def of(self, topic: str) -> list[Published]:
        return [message for message in self.published if message.topic == topic]

    def send(self, raw: bytes) -> None:
        """Send bytes on the newest connection."""
        self._connections[-1].sendall(raw)

    def cut(self) -> None:
        """End every connection."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError), connection, connection.makefile("rb") as stream:
            while self._answer(connection, *read_packet(stream)):
                pass
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, connection: socket.socket, first: int, body: bytes, size: int) -> bool:
        """Answer one packet; return whether the connection goes on."""
        kind = first >> 4
        if kind == CONNECT:
            return self._take(connection, body)
        mqtt5 = self.connects[-1].mqtt5
        if kind == PUBLISH:
            return self._take_message(connection, first, body, size, mqtt5=mqtt5)
        if kind == SUBSCRIBE:
            filters = _filters(body, mqtt5=mqtt5)
            codes = bytes(self.script.suback(name) for name in filters)
            connection.sendall(packet(SUBACK, body[:2] + (b"\0" if mqtt5 else b"") + codes))
        if kind == PUBACK:
            self.acknowledged_by_client.append(struct.unpack("!H", body[:2])[0])
        if kind == PINGREQ:
            self.pings += 1
            if self.script.answers_pings:
                connection.sendall(packet(PINGRESP, b""))
        return kind != DISCONNECT

    def _take(self, connection: socket.socket, body: bytes) -> bool:
        level, flags, keepalive_s = body[6], body[7], struct.unpack("!H", body[8:10])[0]
        connect = Connect(level == 5, keepalive_s, flags >> 3 & 3, bool(flags & 0x20))
        if level not in self.script.speaks:
            connection.sendall(packet(CONNACK, b"\0\1"))
            return False
        self.connects.append(connect)
        code = self.script.connack(connect)
        if code is None:
            return False
        granted = b"".join(
            bytes([_PROPERTIES[name][0]]) + struct.pack(_PROPERTIES[name][1], value)
            for name, value in self.script.grants.items()
        )
        properties = bytes([len(granted)]) + granted if connect.mqtt5 else b""
        connection.sendall(packet(CONNACK, bytes([0, code]) + properties))
        return code == 0

    def _take_message(self, connection: socket.socket, first: int, body: bytes, size: int, *, mqtt5: bool) -> bool:
        qos, length = first >> 1 & 3, struct.unpack("!H", body[:2])[0]
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        mid, rest = (rest[:2], rest[2:]) if qos else (b"", rest)
        payload = rest[1 + rest[0] :] if mqtt5 else rest
        message = Published(topic, payload, qos, bool(first & 1), size)
        self.published.append(message)
        if self.script.cuts(message):
            if self.script.because is not None:
                connection.sendall(packet(DISCONNECT, bytes([self.script.because])))
            return False
        code = self.script.puback(message) if qos else None
        if code is not None:
            connection.sendall(packet(PUBACK, mid + (bytes([code, 0]) if mqtt5 and code else b"")))
        return True


def _filters(body: bytes, *, mqtt5: bool) -> list[str]:
    rest, found = body[2 + (1 + body[2] if mqtt5 else 0) :], []
    while rest:
        length = struct.unpack("!H", rest[:2])[0]
        found.append(rest[2 : 2 + length].decode())
        rest = rest[3 + length :]
    return found


def read_packet(stream) -> tuple[int, bytes, int]:
    """Return first byte, body and whole size of the next packet."""
    head = stream.read(1)
    if not head:
        raise EOFError
    length, shift, count = 0, 0, 0
    while True:
        byte = stream.read(1)
        if not byte:
            raise EOFError
        length |= (byte[0] & 127) << shift
        shift, count = shift + 7, count + 1
        if not byte[0] & 128:
            break
    body = stream.read(length)
    if len(body) < length:
        raise EOFError
    return head[0], body, 1 + count + length
