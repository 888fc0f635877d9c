"""The link to the broker: one thread, one connection at a time, MQTT 5 and 3.1.1 where 5 is not spoken.

Every session is a new paho client, so nothing waits inside paho: what must not be lost is kept by the outbox, which
sends it again on the next connection.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from typing import TYPE_CHECKING, Any, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.health import check_alive
from edge.publish.broker import tls_context
from edge.publish.mailbox import Mailbox
from edge.publish.message import WITHDRAWN
from edge.publish.trouble import Attempts, why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge.publish.broker import Broker
    from edge.publish.message import Message

log = logging.getLogger(__name__)

ONLINE = "online"
_CONNECT_TIMEOUT_S = 5.0
_ACKNOWLEDGE_S = 2.0
"""How long the last word, `offline`, may take to be acknowledged when the link is closed."""
_TAKEN_OVER = 142
"""Source: MQTT 5, 3.14.2.1, session taken over."""
_KEEPALIVE_SHARE = 0.7
"""paho finds a dead link after two of its intervals: so within 1.4 of ours."""
_DISCONNECT_S = 0.5
_ANSWER_S = 3.0
"""How long a broker may take to answer CONNECT; one that knows 3.1.1 only may stay mute on MQTT 5."""
_TICK_S = 1.0
_MAX_PACKET_BYTES = 65_536  # what a broker may send us at once; MQTT 3.1.1 has no such bound
_MAX_WAITING = 1_000
"""Messages that wait for the link's thread; state goes out again on connecting, alerts by the outbox."""
_UNSUPPORTED_PROTOCOL = {1, 132}
"""CONNACK codes for a protocol version that the broker does not speak. Source: MQTT 3.1.1, 3.2.2.3; MQTT 5, 3.2.2.2."""
_TAKEN = 0
"""The one reason code of a message that went on to somebody: 16 says that nobody subscribes, from 128 on it is refused.
Source: MQTT 5, 3.4.2.1."""


class MqttLink:
    """Keeps one connection to a broker; `state` says how it stands."""

    def __init__(
        self,
        broker: Broker,
        *,
        will: Message | None = None,
        greeting: Callable[[], Iterable[tuple[str, Message]]] = tuple,
        on_acknowledged: Callable[[str], None] = lambda _key: None,
        subscriptions: Sequence[str] = (),
        on_message: Callable[[str, bytes, bool], None] = lambda _topic, _payload, _retained: None,
    ) -> None:
        """Prepare a link; nothing is opened before `start`.

        greeting: the (key, message) pairs to send on every new connection.  on_acknowledged: told the key of each
        message that the broker took over.  on_message: topic, payload, retained.  All run on the link's thread.
        """
        self._broker, self._will, self._greeting = broker, will, greeting
        self._on_acknowledged, self._subscriptions, self._on_message = on_acknowledged, subscriptions, on_message
        self._attempts = Attempts(broker)
        self._answered = False
        self._waiting = Mailbox(_MAX_WAITING)
        self._keys: dict[int, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._closing: Message | None = None
        self.state = "not started"
        self.trouble = self._logged = ""
        self.connections = 0

    def start(self) -> None:
        """Connect, and connect again whenever the connection ends."""
        self._thread.start()

    def check(self) -> None:
        """Raise ThreadStuck when the thread has ended though nobody closed the link."""
        check_alive(self._thread, self._stop)

    def send(self, message: Message, key: str = "") -> None:
        """Queue a message and return at once; dropped while offline, for the greeting sends what matters."""
        if self.state == ONLINE:
            self._waiting.put(key, message)

    def close(self, last_word: Message | None = None) -> None:
        """Send what waits and the last word, disconnect, and stop the thread within its deadline."""
        self._closing = last_word
        self._stop.set()
        self._waiting.wake()
        if self._thread.is_alive():
            self._thread.join(_CONNECT_TIMEOUT_S)
        if self._thread.is_alive():
            log.warning("mqtt: the connection does not end; left to the end of the process")

    def _run(self) -> None:
        """One session after another; the pause doubles up to its bound, with jitter, and starts anew after success."""
        while not self._stop.is_set():
            began_at = time.monotonic()
            taken = self._session()
            self._attempts.count(time.monotonic() - began_at, taken=taken, answered=self._answered)
            if self._attempts.complaint and not self._stop.is_set():
                self._set_state(self._attempts.complaint)
            self._stop.wait(self._attempts.pause_s(self.state))

    def _session(self) -> bool:
        """Live through one connection; return whether the broker took it at all."""
        client = self._client()
        try:
            keepalive_s = max(1, int(_KEEPALIVE_SHARE * self._broker.keepalive_s))
            limits = self._properties(PacketTypes.CONNECT, MaximumPacketSize=_MAX_PACKET_BYTES)
            client.connect(self._broker.host, self._broker.port, keepalive_s, properties=limits)
        except (OSError, ValueError) as error:
            self._set_state(why(error))
            return False
        answer_by = time.monotonic() + _ANSWER_S
        while client.socket() is not None and not self._stop.is_set():
            if not self._answered and time.monotonic() > answer_by:
                break
            self._turn(client)
        if self._stop.is_set():
            self._say_goodbye(client)
        else:
            self._end(client)
        return True

    def _turn(self, client: paho.Client, timeout_s: float = _TICK_S) -> None:
        """Wait for the broker or for something to send, and serve both."""
        connection: Any = client.socket()
        if connection is None:
            return
        pending = (
            hasattr(connection, "pending") and connection.pending() > 0
        )  # in TLS or a web socket, select cannot see
        writers = [connection] if client.want_write() else []
        readers: list[Any] = [connection, self._waiting]
        readable, writable, _ = select.select(readers, writers, [], 0 if pending else timeout_s)
        if pending or connection in readable:
            client.loop_read()
        self._send_waiting(client)
        if writable or client.want_write():
            client.loop_write()
        client.loop_misc()

    def _send_waiting(self, client: paho.Client) -> None:
        waiting = self._waiting.take()
        for key, message in waiting if client.is_connected() else ():
            self._publish(client, key, message)

    def _publish(self, client: paho.Client, key: str, message: Message) -> None:
        expiry = {} if message.expiry_s is None else {"MessageExpiryInterval": message.expiry_s}
        properties = self._properties(PacketTypes.PUBLISH, **expiry)
        sent = client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if key and sent.rc == paho.MQTT_ERR_SUCCESS:
            self._keys[sent.mid] = key

    def _properties(self, packet: int, **values: int) -> Properties | None:
        """Return what MQTT 5 says beside a packet; 3.1.1 has no such thing."""
        properties = Properties(packet) if self._attempts.mqtt5 else None  # type: ignore[no-untyped-call]
        for name, value in values.items() if properties else ():
            setattr(properties, name, value)
        return properties

    def _say_goodbye(self, client: paho.Client) -> None:
        """Send the last word, wait for its acknowledgement, disconnect."""
        deadline = time.monotonic() + _ACKNOWLEDGE_S
        if client.is_connected() and self._closing is not None:
            self._send_waiting(client)
            self._publish(client, "last word", self._closing)
        while client.is_connected() and "last word" in self._keys.values() and time.monotonic() < deadline:
            self._turn(client, 0.1)
        self._end(client)

    def _end(self, client: paho.Client) -> None:
        """Disconnect as the protocol has it."""
        deadline = time.monotonic() + _DISCONNECT_S
        client.disconnect()
        while client.socket() is not None and time.monotonic() < deadline:
            self._turn(client, 0.1)

    def _client(self) -> paho.Client:
        """Return a new client with nothing of an earlier session in it."""
        self._keys.clear()
        self._answered = False
        protocol = MQTTProtocolVersion.MQTTv5 if self._attempts.mqtt5 else MQTTProtocolVersion.MQTTv311
        transport: Literal["tcp", "websockets"] = "websockets" if self._broker.websockets else "tcp"
        client = paho.Client(
            CallbackAPIVersion.VERSION2, self._broker.client_id, protocol=protocol, transport=transport
        )
        if self._broker.websockets:
            client.ws_set_options(self._broker.path)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_publish, client.on_message = self._published, self._received
        # without an outside loop registered, paho would write to the socket from the thread that publishes
        client.on_socket_register_write = lambda *_: None
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password or None)
        if self._broker.tls:
            client.tls_set_context(tls_context(self._broker))
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retain)
        return client

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:  # noqa: ANN401
        if code.value in _UNSUPPORTED_PROTOCOL and self._attempts.mqtt5:
            return
        self._answered = True
        if code.is_failure:
            self._set_state(f"refused: {code}")
            return
        self.connections += 1
        for topic in self._subscriptions:
            client.subscribe(topic, qos=1)
        self._waiting.take()
        self._set_state(ONLINE)
        for key, message in self._greeting():
            self._publish(client, key, message)

    def _disconnected(self, _client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:  # noqa: ANN401
        if self.state == ONLINE:
            taken = code.value == _TAKEN_OVER
            lost = "taken over: another client has our id" if taken else f"lost: {code}"
            self._set_state("stopped" if self._stop.is_set() else lost)

    def _published(self, _client: paho.Client, _data: Any, mid: int, code: Any, _properties: Any) -> None:  # noqa: ANN401
        key = self._keys.pop(mid, "")
        # what takes something away has nobody to hear it, and a broker that denies it will not do otherwise later
        if key and (code.value == _TAKEN or key.startswith(WITHDRAWN)):
            self._on_acknowledged(key)

    def _received(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:  # noqa: ANN401
        self._on_message(message.topic, bytes(message.payload), message.retain)

    def _set_state(self, state: str) -> None:
        if state == self.state:
            return
        self.state = state
        self.trouble = self.trouble if state in (ONLINE, "stopped") else state
        # a client that is thrown out comes and goes: told once, not each time
        if state != self._logged and not (self._attempts.thrown_out and not state.startswith("taken")):
            self._logged = state
            level = logging.INFO if state in (ONLINE, "stopped") else logging.WARNING
            log.log(level, "broker %s:%d: %s", self._broker.host, self._broker.port, state)
