"""Connections, bounded before TLS begins: when all places are taken, one that no viewer needs makes room."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

log = logging.getLogger(__name__)

FIRST_S = HANDSHAKE_S = 5.0
"""Until the first byte, and from then until TLS stands; a phone takes 1 s on a poor network, asyncio allows 60 s."""
_SHUTDOWN_S = 2.0
_RETRY_S = 1.0
_IPV6_SITE_BITS = 64
"""One subscriber has at least so large a network to take addresses from. Source: RFC 6177."""


class Served(Protocol):
    """A connection's protocol, as far as it matters here."""

    @property
    def is_stream(self) -> bool:
        """Return whether somebody with a session is sent a stream by it."""


@dataclass(eq=False, slots=True)
class _Place:
    """One connection from its first moment to its last; `served` once TLS stands."""

    site: str
    task: asyncio.Task[None] | None = None
    transport: asyncio.Transport | None = None
    served: Served | None = None

    @property
    def is_kept(self) -> bool:
        return self.served is not None and self.served.is_stream

    def end(self) -> None:
        """End it at once, and leave no circle: 256 KiB of TLS would wait for the garbage collector."""
        task, transport = self.task, self.transport
        self.task = self.transport = self.served = None
        if task is not None:
            task.cancel()
        if transport is not None:
            transport.abort()


def site_of(address: str) -> str:
    """Return whom an address counts for: an IPv4 address for itself, an IPv6 address for its /64."""
    with contextlib.suppress(ValueError):
        parsed = ipaddress.ip_address(address)
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(parsed), _IPV6_SITE_BITS), strict=False))
    return address.removeprefix("::ffff:")


class Acceptor:
    """Accepts from one listening socket; the server closes it like one of asyncio's servers."""

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[Callable[[], None]], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None,
        limit: int,
    ) -> None:
        """Serve at most `limit` connections at once, on the event loop that runs.

        make_protocol: makes a connection's protocol, a `Served`, which calls its argument when the connection ends.
        """
        self._listener, self._make_protocol, self._tls, self._limit = listener, make_protocol, tls, limit
        self._loop = asyncio.get_running_loop()
        self._places: dict[_Place, None] = {}  # in the order in which they came
        listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._accepting = asyncio.create_task(self._run(), name="accept")

    def close(self) -> None:
        """Accept no more, and end what has not come as far as a request."""
        self._accepting.cancel()
        for place in list(self._places):
            if place.served is None:
                place.end()

    async def wait_closed(self) -> None:
        """Return when nothing is accepted any more."""
        await asyncio.wait({self._accepting})

    async def _run(self) -> None:
        while True:
            try:
                connection, address = await self._loop.sock_accept(self._listener)
            except OSError as error:  # no descriptor or no memory is left: the waiting ones wait a little longer
                log.warning("web page: no connection can be accepted: %s", error.strerror)
                await asyncio.sleep(_RETRY_S)
                continue
            if len(self._places) >= self._limit and not self._made_room():
                connection.close()
                continue
            place = _Place(site_of(address[0]))
            self._places[place] = None
            place.task = asyncio.create_task(self._serve(place, connection), name="handshake")

    def _made_room(self) -> bool:
        """End the oldest connection of the address that has the most, but no stream; return whether there was one."""
        free = [place for place in self._places if not place.is_kept]
        if not free:
            return False
        log.warning("web page: all %d connections are taken; the oldest idle ones make room", self._limit)
        ((crowd, _),) = Counter(place.site for place in free).most_common(1)
        oldest = next(place for place in free if place.site == crowd)
        del self._places[oldest]
        oldest.end()
        return True

    async def _serve(self, place: _Place, connection: socket.socket) -> None:
        """Bring one connection as far as its protocol; from then on it serves itself."""

        def end() -> None:
            self._places.pop(place, None)
            place.task = place.transport = place.served = None

        try:
            await self._first_byte(connection)
            deadlines = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": _SHUTDOWN_S} if self._tls else {}
            made = await self._loop.connect_accepted_socket(
                partial(self._make_protocol, end), connection, ssl=self._tls, **deadlines
            )
        except OSError as error:
            end()
            connection.close()
            log.info("web page: a connection ended before its first request: %s", str(error) or type(error).__name__)
        else:
            if place in self._places:
                place.task, (place.transport, place.served) = None, made  # type: ignore[assignment]
            else:  # ended while this was on its way
                made[0].abort()

    async def _first_byte(self, connection: socket.socket) -> None:
        """Wait until a connection sends something: until then it costs a socket and no TLS.

        Raises:
            TimeoutError: it is silent.
        """
        came = asyncio.Event()
        self._loop.add_reader(connection, came.set)
        try:
            async with asyncio.timeout(FIRST_S):
                await came.wait()
        finally:
            self._loop.remove_reader(connection)
            if not came.is_set():
                connection.close()
