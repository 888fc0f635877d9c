"""Accept connections, with a limit that holds before TLS begins: when it is reached, the oldest idle one is closed."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

log = logging.getLogger(__name__)

FIRST_BYTE_S = HANDSHAKE_S = 5.0
"""Until the first byte, and from then until TLS is set up; a phone takes 1 s on a poor network, asyncio allows 60 s."""
_SHUTDOWN_S = 2.0
_RETRY_S = 1.0
_IPV6_SUBSCRIBER_BITS = 64
"""A subscriber can use every address of a network of at least this size. Source: RFC 6177."""


class Served(Protocol):
    """The protocol of a connection, as far as the acceptor needs it."""

    @property
    def is_stream(self) -> bool:
        """Return whether it is sending a stream to a browser that has a session."""


@dataclass(eq=False, slots=True)
class _Connection:
    """One connection from accept to close; `served` is set once TLS is set up."""

    subscriber: str
    task: asyncio.Task[None] | None = None
    transport: asyncio.Transport | None = None
    served: Served | None = None

    @property
    def is_kept(self) -> bool:
        return self.served is not None and self.served.is_stream

    def abort(self) -> None:
        """Close it at once and clear the references: in a cycle, 256 KiB of TLS would wait for the collector."""
        task = self.task
        transport = self.transport
        self.forget()
        if task is not None:
            task.cancel()
        if transport is not None:
            transport.abort()

    def forget(self) -> None:
        """Clear the references."""
        self.task = None
        self.transport = None
        self.served = None


def subscriber_of(address: str) -> str:
    """Return what an address is counted as: an IPv4 address as itself, an IPv6 address as its /64 network."""
    with contextlib.suppress(ValueError):
        parsed = ipaddress.ip_address(address)
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(parsed), _IPV6_SUBSCRIBER_BITS), strict=False))
    return address.removeprefix("::ffff:")


class Acceptor:
    """Accepts connections from one listening socket; has the close methods of an asyncio server."""

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[Callable[[], None]], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None,
        limit: int,
    ) -> None:
        """Serve at most `limit` connections at once, on the running event loop.

        make_protocol: makes the protocol of a connection, a `Served`, which calls its argument when it ends.
        """
        self._listener = listener
        self._make_protocol = make_protocol
        self._tls = tls
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._connections: dict[_Connection, None] = {}  # oldest first
        listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._accepting = asyncio.create_task(self._run(), name="accept")

    def close(self) -> None:
        """Stop accepting, and close the connections that have not sent a request."""
        self._accepting.cancel()
        for connection in list(self._connections):
            if connection.served is None:
                connection.abort()

    async def wait_closed(self) -> None:
        """Return when accepting has stopped."""
        await asyncio.wait({self._accepting})

    async def _run(self) -> None:
        while True:
            try:
                client, address = await self._loop.sock_accept(self._listener)
            except OSError as error:  # out of descriptors or memory: waiting clients wait a little longer
                log.warning("web page: cannot accept a connection: %s", error.strerror)
                await asyncio.sleep(_RETRY_S)
                continue
            if len(self._connections) >= self._limit and not self._make_room():
                client.close()
                continue
            connection = _Connection(subscriber_of(address[0]))
            self._connections[connection] = None
            connection.task = asyncio.create_task(self._serve(connection, client), name="handshake")

    def _make_room(self) -> bool:
        """Close the oldest connection of the subscriber with the most, but no stream; return whether there was one."""
        idle = [connection for connection in self._connections if not connection.is_kept]
        if not idle:
            return False
        log.warning("web page: all %d connections are in use; closing the oldest idle ones", self._limit)
        ((busiest, _),) = Counter(connection.subscriber for connection in idle).most_common(1)
        oldest = next(connection for connection in idle if connection.subscriber == busiest)
        del self._connections[oldest]
        oldest.abort()
        return True

    async def _serve(self, connection: _Connection, client: socket.socket) -> None:
        """Set up TLS and the protocol of one connection, which serves itself from then on."""

        def end() -> None:
            self._connections.pop(connection, None)
            connection.forget()

        try:
            await self._wait_for_first_byte(client)
            deadlines = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": _SHUTDOWN_S} if self._tls else {}
            transport, served = await self._loop.connect_accepted_socket(
                partial(self._make_protocol, end), client, ssl=self._tls, **deadlines
            )
        except OSError as error:
            end()
            client.close()
            log.info("web page: a connection ended before its first request: %s", str(error) or type(error).__name__)
        else:
            if connection in self._connections:
                connection.task = None
                connection.transport = transport
                connection.served = cast("Served", served)
            else:  # closed while TLS was being set up
                transport.abort()

    async def _wait_for_first_byte(self, client: socket.socket) -> None:
        """Wait until a client sends something: until then it costs a socket and no TLS.

        Raises:
            TimeoutError: it sends nothing.
        """
        arrived = asyncio.Event()
        self._loop.add_reader(client, arrived.set)
        try:
            async with asyncio.timeout(FIRST_BYTE_S):
                await arrived.wait()
        finally:
            self._loop.remove_reader(client)
            if not arrived.is_set():
                client.close()
