"""amqtt for a single user: no other client gets past CONNECT, and nothing that it keeps grows without a limit."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import io
import logging
import struct
from typing import TYPE_CHECKING, Any

from amqtt.adapters import ReaderAdapter, StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connack import BAD_USERNAME_PASSWORD, ConnackPacket
from amqtt.mqtt.connect import ConnectPacket

if TYPE_CHECKING:
    from amqtt.session import Session

log = logging.getLogger(__name__)

_HANDSHAKE_S = 5.0
_MAX_UNKNOWN = 64
"""Connections at once whose CONNECT has not arrived yet; further ones are closed."""
_MAX_CLIENTS = 100
_MAX_PACKET_BYTES = 262_144
_MAX_RETAINED, _MAX_RETAINED_BYTES = 1_000, 4_194_304
"""Topics and bytes: a maskwatch retains 15 topics and 12 KB."""
_MAX_WAITING = 1_000
"""Messages that wait for a disconnected client with a session; the oldest are dropped."""
_SESSION_S = 3_600
_CHECK_S, _QUIET_CHECKS = 0.01, 5
"""For an instant a message is neither in the queue nor in a task, so several checks have to find nothing."""
_MALFORMED = (AMQTTError, MQTTError, NoDataError, OSError, ValueError, LookupError, struct.error, TypeError)


class PrivateBroker(Broker):  # type: ignore[misc] # amqtt has no types
    """Broker on loopback for clients that know the password."""

    def __init__(self, bind: str, user: str, password: str) -> None:
        """Prepare to listen at `bind`, HOST:PORT."""
        listener = {"default": {"type": "tcp", "bind": bind, "max_connections": _MAX_CLIENTS}}
        super().__init__({"listeners": listener, "plugins": {}, "session_expiry_interval": _SESSION_S})
        self._credential = f"{user}\n{password}".encode()
        self._unknown, self._full = 0, False

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Serve a client that knows the password.

        amqtt itself checks it only after it has deleted the session of the client with the same id.
        """
        bounded, out = _Bounded(StreamReaderAdapter(reader)), StreamWriterAdapter(writer)
        with contextlib.suppress(OSError):  # the client is gone
            if await self._admits(bounded, out):
                bounded.rewind()
                await self._client_connected(listener_name, bounded, out)
            else:
                await out.close()

    async def _admits(self, reader: _Bounded, writer: StreamWriterAdapter) -> bool:
        """Read CONNECT within its deadline; return whether it has the password, and answer where it has not."""
        if self._unknown >= _MAX_UNKNOWN:
            return False
        self._unknown += 1
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                payload = (await ConnectPacket.from_stream(reader)).payload
        except _MALFORMED:  # TimeoutError is an OSError
            return False
        finally:
            self._unknown -= 1
        named = f"{payload.username}\n{payload.password or ''}".encode() if payload else b""
        known = hmac.compare_digest(named, self._credential)
        if not known:
            await ConnackPacket.build(0, BAD_USERNAME_PASSWORD).to_stream(writer)
        return known

    async def _authenticate(self, *_: Any) -> bool:  # noqa: ANN401
        return True  # only admitted clients get here

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        """Retain a message where there is room; otherwise the topic retains nothing."""
        if data and not self._has_room(topic_name, len(data)):
            if not self._full:
                log.warning(
                    "embedded broker: more is retained than %d topics or %d bytes; dropped, logged once",
                    _MAX_RETAINED,
                    _MAX_RETAINED_BYTES,
                )
            self._full, data = True, b""
        await super().retain_message(source_session, topic_name, data, qos)

    def _has_room(self, topic: str | None, size_bytes: int) -> bool:
        others = [len(message.data) for name, message in self._retained_messages.items() if name != topic]
        return len(others) < _MAX_RETAINED and sum(others) + size_bytes <= _MAX_RETAINED_BYTES

    async def deliver(self, within_s: float) -> None:
        """Wait up to `within_s` until all messages have been sent to their subscribers; a shutdown drops the rest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                quiet = 0
                while quiet < _QUIET_CHECKS:
                    busy = not self._broadcast_queue.empty() or not all(task.done() for task in self._tasks_queue)
                    quiet = 0 if busy else quiet + 1
                    await asyncio.sleep(_CHECK_S)

    async def _retain_broadcast_message(self, broadcast: dict[str, Any], qos: int, target_session: Session) -> None:
        while target_session.retained_messages.qsize() >= _MAX_WAITING:
            target_session.retained_messages.get_nowait()
        await super()._retain_broadcast_message(broadcast, qos, target_session)


class _Bounded(ReaderAdapter):  # type: ignore[misc] # as above
    """A reader that ends the connection at a packet that is too large, and whose beginning can be read twice."""

    def __init__(self, reader: StreamReaderAdapter) -> None:
        """Remember what is read, until `rewind`."""
        self._reader = reader
        self._beginning = io.BytesIO()
        self._remembers = True
        self._ended = False

    def rewind(self) -> None:
        """Read from the beginning again, and remember nothing from now on."""
        self._beginning.seek(0)
        self._remembers = False

    async def read(self, n: int = -1) -> bytes:
        """Return `n` bytes.

        Raises:
            ConnectionResetError: they are more than a packet may have; nothing can be read after that.
        """
        self._ended |= not 0 <= n <= _MAX_PACKET_BYTES
        if self._ended:
            raise ConnectionResetError("the packet is too large")
        if self._remembers:
            read: bytes = await self._reader.read(n)
            self._beginning.write(read)
            return read
        before = self._beginning.read(n)
        rest: bytes = await self._reader.read(n - len(before)) if len(before) < n else b""
        return before + rest

    def feed_eof(self) -> None:
        """Acknowledge the end."""
        self._reader.feed_eof()
