"""One connection to a broker, by paho, with a limit to what is read, which paho lacks."""

from __future__ import annotations

import select
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import MQTTException, Properties  # type: ignore[attr-defined] # 2.1 has one of its own there

from edge.publish.backoff import Reason
from edge.publish.broker import tls_context
from edge.publish.limits import Limits

if TYPE_CHECKING:
    from edge.publish.broker import Broker
    from edge.publish.link_state import SendQueue
    from edge.publish.message import Message

_CONNECT_TIMEOUT_S = 5.0
_KEEPALIVE_SHARE = 0.7
"""paho finds a dead connection after two of its intervals, so within 1.4 of ours."""
_CHUNK_BYTES = 16_384
_MAX_PACKET_BYTES = 65_536  # the longest packet that a broker may send; MQTT 3.1.1 has no such limit
_HEAD_BYTES = _MAX_PACKET_BYTES + 16
"""What is kept of a longer packet: its topic and packet identifier, so that it can be acknowledged."""
_MALFORMED = (ValueError, LookupError, AssertionError, TypeError, AttributeError, struct.error, MQTTException)
"""What paho raises on bytes that are not MQTT."""
_LOST, _MALFORMED_PACKET = 128, 129
"""Unspecified error, malformed packet. Source: MQTT 5, 2.4."""
_MAX_WORDS = 200
_PUBACK = PacketTypes.PUBACK << 4
_STRANGE = {149: "Packet too large"}
"""Reasons in a PUBACK that MQTT 5 has for other packets only: mosquitto's, for what is over `message_size_limit`."""


class Listener(Protocol):
    """Takes the events of a connection, on the thread that serves it."""

    def connected(self, reason: Reason, granted: Limits) -> None:
        """Take the answer to CONNECT; `granted`: what the broker accepts."""

    def ended(self, reason: Reason, *, announced: bool) -> None:
        """Take the end of the connection; `announced`: the broker sent a DISCONNECT."""

    def acknowledged(self, mid: int, reason: Reason) -> None:
        """Take what became of a message: acknowledged, refused, or written where it is of QoS 0."""

    def subscribed(self, mid: int, reason: Reason) -> None:
        """Take what became of a subscription."""

    def received(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - as the link calls it
        """Take a message."""

    def ignored(self, why: str) -> None:
        """Note that something came that cannot be used."""


class _Bounded(paho.Client):
    """paho's client, which would read 268 MB into memory; of a packet that is too long, only the head is kept."""

    def _sock_recv(self, bufsize: int) -> bytes:
        return super()._sock_recv(min(bufsize, _CHUNK_BYTES))

    strange: int | None = None
    """The reason code in place of which paho sees an unspecified error."""

    @property
    def too_long(self) -> bool:
        """Whether the packet that is being read is longer than the limit that CONNECT states."""
        return self._in_packet["remaining_length"] > _MAX_PACKET_BYTES

    def trim(self) -> None:
        """Drop what has come of a packet that is too long, except its head."""
        if self.too_long:
            del self._in_packet["packet"][_HEAD_BYTES:]

    def _packet_handle(self) -> MQTTErrorCode:
        """Handle a packet; a PUBACK with a reason of other packets too, at which paho would end the connection."""
        body = self._in_packet["packet"]
        strange = self._in_packet["command"] == _PUBACK and len(body) > 2 and body[2] in _STRANGE
        self.strange, body[2:3] = (body[2], bytes([_LOST])) if strange else (None, body[2:3])
        return super()._packet_handle()

    def ping_within(self, seconds: int) -> None:
        """Send something at least at this interval; paho uses the broker's, even where that is longer than ours."""
        self._keepalive = seconds

    def drop(self) -> None:
        """End the connection without a DISCONNECT."""
        self._sock_close()


class Connection:
    """One connection: opens once, closes once, and queues nothing."""

    def __init__(self, broker: Broker, will: Message | None, listener: Listener, *, mqtt5: bool) -> None:
        """Prepare; nothing is opened before `open`.

        Raises:
            ConfigError: a certificate or key cannot be read.
        """
        self._broker = broker
        self._listener = listener
        self._mqtt5 = mqtt5
        protocol = MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311
        transport: Literal["tcp", "websockets"] = "websockets" if broker.websockets else "tcp"
        client = _Bounded(CallbackAPIVersion.VERSION2, broker.client_id, protocol=protocol, transport=transport)
        if broker.websockets:
            client.ws_set_options(broker.path)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # no limit: `Outgoing` keeps it
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_publish, client.on_subscribe, client.on_message = self._published, self._subscribed, self._received
        # without an outside loop registered, paho would write to the socket from the thread that publishes
        client.on_socket_register_write = lambda *_: None
        if broker.user:
            client.username_pw_set(broker.user, broker.password or None)
        if broker.tls:
            client.tls_set_context(tls_context(broker))
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        self._client = client

    def open(self) -> None:
        """Connect.

        Raises:
            OSError, ValueError: the broker cannot be reached, or its certificate is not valid.
        """
        limits = self._properties(PacketTypes.CONNECT, MaximumPacketSize=_MAX_PACKET_BYTES)
        keepalive_s = max(1, int(_KEEPALIVE_SHARE * self._broker.keepalive_s))
        self._client.connect(self._broker.host, self._broker.port, keepalive_s, properties=limits)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, accepted or not."""
        return self._client.socket() is not None

    @property
    def is_accepted(self) -> bool:
        """Whether the broker has accepted us, and the connection still exists."""
        return self.is_open and self._client.is_connected()

    @property
    def is_busy(self) -> bool:
        """Whether something is still unwritten, because the broker does not read."""
        return self._client.want_write()

    def wait(self, queue: SendQueue, timeout_s: float) -> None:
        """Wait for the broker or for something to send, and read what came."""
        connection: Any = self._client.socket()
        if connection is None:
            return
        # select does not see what TLS or a web socket has buffered
        pending = hasattr(connection, "pending") and connection.pending() > 0
        writers = [connection] if self.is_busy else []
        readable, _, _ = select.select([connection, queue], writers, [], 0 if pending else timeout_s)
        if pending or connection in readable:
            self._read()

    def write(self) -> None:
        """Write as much as the broker reads, and ping when it is time."""
        if self.is_busy:
            self._client.loop_write()
        self._client.loop_misc()

    def publish(self, message: Message) -> int:
        """Pass on a message; return its packet identifier, by which `acknowledged` names it.

        Raises:
            ValueError: it is not a valid MQTT message.
        """
        expiry = {} if message.expiry_s is None else {"MessageExpiryInterval": message.expiry_s}
        properties = self._properties(PacketTypes.PUBLISH, **expiry)
        return self._client.publish(message.topic, message.payload, message.qos, message.retain, properties).mid

    def subscribe(self, topic: str) -> int:
        """Subscribe; return the packet identifier, by which `subscribed` names it."""
        return self._client.subscribe(topic, qos=1)[1] or 0

    def leave(self) -> None:
        """Ask to disconnect as the protocol requires; done when `is_open` is false."""
        self._client.disconnect()

    def drop(self) -> None:
        """End the connection without a DISCONNECT, so that the broker publishes our will."""
        self._client.drop()

    def _read(self) -> None:
        try:
            self._client.loop_read()
        except _MALFORMED:
            self._listener.ended(Reason(_MALFORMED_PACKET, "what the broker sends is not MQTT"), announced=False)
            self.drop()
        self._client.trim()

    def _properties(self, packet: int, **values: int) -> Properties | None:
        """Return the properties of a packet of MQTT 5; 3.1.1 has none."""
        properties = Properties(packet) if self._mqtt5 else None  # type: ignore[no-untyped-call]
        for name, value in values.items() if properties else ():
            setattr(properties, name, value)
        return properties

    def _connected(self, _client: Any, _data: Any, _flags: Any, code: Any, properties: Any) -> None:  # noqa: ANN401
        granted = _granted(properties)
        ours_s = self._broker.keepalive_s
        self._client.ping_within(max(1, int(_KEEPALIVE_SHARE * min(ours_s, granted.keepalive_s or ours_s))))
        self._listener.connected(_reason(code, properties), granted)

    def _disconnected(self, _client: Any, _data: Any, flags: Any, code: Any, properties: Any) -> None:  # noqa: ANN401
        announced = bool(flags.is_disconnect_packet_from_server)
        reason = _reason(code, properties)
        if not announced and reason.value == _LOST:
            reason = replace(reason, words="the broker ended the connection")
        self._listener.ended(reason, announced=announced)

    def _published(self, _client: Any, _data: Any, mid: int, code: Any, properties: Any) -> None:  # noqa: ANN401
        strange = self._client.strange
        reason = Reason(strange, _STRANGE[strange]) if strange else _reason(code, properties)
        self._listener.acknowledged(mid, reason)

    def _subscribed(self, _client: Any, _data: Any, mid: int, codes: Any, properties: Any) -> None:  # noqa: ANN401
        for code in codes:
            self._listener.subscribed(mid, _reason(code, properties))

    def _received(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:  # noqa: ANN401
        if self._client.too_long:
            self._listener.ignored(f"longer than {_MAX_PACKET_BYTES} bytes")
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._listener.ignored("a topic that is not UTF-8")
            return
        self._listener.received(topic, bytes(message.payload), message.retain)


def _granted(properties: Any) -> Limits:  # noqa: ANN401
    """Return what CONNACK grants. Source: MQTT 5, 3.2.2.3."""
    usual = Limits()
    return Limits(
        packet_bytes=getattr(properties, "MaximumPacketSize", usual.packet_bytes),
        retain=bool(getattr(properties, "RetainAvailable", 1)),
        qos=getattr(properties, "MaximumQoS", usual.qos),
        in_flight=getattr(properties, "ReceiveMaximum", usual.in_flight),
        keepalive_s=getattr(properties, "ServerKeepAlive", None),
    )


def _reason(code: Any, properties: Any) -> Reason:  # noqa: ANN401
    """Return a reason code with the broker's own explanation, as far as it can be printed."""
    explained = [getattr(properties, name, "") for name in ("ReasonString", "ServerReference")]
    words = ": ".join([str(code), *(text[:_MAX_WORDS] for text in explained if text and text.isprintable())])
    return Reason(int(code.value), words)
