"""HTTP/1.1 that closes idle connections; the only module that depends on the internals of uvicorn."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.show.page.accept import Acceptor
from edge.show.page.stream import ABORT, KEEP

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

_IDLE_S = 10.0
"""A connection is closed after this long, at most twice this long, without a complete request."""
_LINGER_NONE = struct.pack("ii", 1, 0)


class ImpatientProtocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, on_end: Callable[[], None], **keywords: Any) -> None:  # noqa: ANN401 - passed on
        """Let a request abort or keep its connection by the functions in `request.state`."""
        super().__init__(*args, **keywords)
        self.app_state = {**self.app_state, ABORT: self._abort, KEEP: self._keep}
        self._on_end = on_end
        self._is_stream = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_stream(self) -> bool:
        """Return whether it is sending a stream, which only a browser with a session gets."""
        return self._is_stream and self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer."""
        super().connection_made(transport)
        self._start_timer(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._on_end()
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _start_timer(self, last: RequestResponseCycle | None) -> None:
        self._timer = self.loop.call_later(_IDLE_S, self._check_idle, last)

    def _check_idle(self, last: RequestResponseCycle | None) -> None:
        """Abort the connection if no request has arrived since the last check and none is being answered."""
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.cycle is last:
            self._abort()
        else:
            self._start_timer(self.cycle)

    def _keep(self) -> None:
        self._is_stream = True

    def _abort(self) -> None:
        """Close the connection, and have the kernel drop what was not taken. Source: socket(7), SO_LINGER."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self.transport.abort()


class Server(uvicorn.Server):
    """Serves the connections of one listening socket, at most `limit` at once."""

    def __init__(self, config: uvicorn.Config, *, limit: int) -> None:
        """Serve by `config`."""
        super().__init__(config)
        self._limit = limit

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start with an acceptor in place of asyncio's servers, which have no limit before TLS is set up."""
        await super().startup(sockets=[])
        make, tls = self._make_protocol, self.config.ssl
        acceptors = [Acceptor(each, make, tls=tls, limit=self._limit) for each in sockets or []]
        self.servers = cast("list[asyncio.Server]", acceptors)

    def _make_protocol(self, on_end: Callable[[], None]) -> asyncio.Protocol:
        return ImpatientProtocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, on_end=on_end
        )
