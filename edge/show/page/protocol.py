"""HTTP/1.1 that hangs up on who takes too long over a request; the only module that knows the server's insides."""

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

_PATIENCE_S = 10.0
"""A connection that brought no whole request for this long, twice at the most, ends: else idle ones fill the house."""

_AT_ONCE = struct.pack("ii", 1, 0)


class ImpatientProtocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, on_end: Callable[[], None], **keywords: Any) -> None:  # noqa: ANN401 - passed on
        """Let requests hang up, or be kept when all places are taken, by what `request.state` holds."""
        super().__init__(*args, **keywords)
        self.app_state = {**self.app_state, ABORT: self._abort, KEEP: self._keep}
        self._on_end, self._is_stream = on_end, False
        self._patience: asyncio.TimerHandle | None = None

    @property
    def is_stream(self) -> bool:
        """Return whether a stream is sent: only somebody with a session gets one."""
        return self._is_stream and self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._on_end()
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def _wait(self, before: RequestResponseCycle | None) -> None:
        self._patience = self.loop.call_later(_PATIENCE_S, self._look, before)

    def _look(self, before: RequestResponseCycle | None) -> None:
        """Hang up if no request came since the last look and none is being answered."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.cycle is before:
            self._abort()
        else:
            self._wait(self.cycle)

    def _keep(self) -> None:
        self._is_stream = True

    def _abort(self) -> None:
        """Hang up, and have the kernel drop what was not taken. Source: socket(7), SO_LINGER."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()


class Server(uvicorn.Server):
    """Serves the connections of one socket, at most `limit` at once."""

    def __init__(self, config: uvicorn.Config, *, limit: int) -> None:
        """Serve as `config` has it."""
        super().__init__(config)
        self._limit = limit

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, with an acceptor in place of asyncio's servers, which bound nothing before TLS stands."""
        await super().startup(sockets=[])
        make, tls = self._make_protocol, self.config.ssl
        made = [Acceptor(each, make, tls=tls, limit=self._limit) for each in sockets or []]
        self.servers = cast("list[asyncio.Server]", made)

    def _make_protocol(self, on_end: Callable[[], None]) -> asyncio.Protocol:
        return ImpatientProtocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, on_end=on_end
        )
