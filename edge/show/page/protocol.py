"""HTTP/1.1 that hangs up on who takes too long over a request; the only module that knows the server's insides."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.show.page.stream import ABORT

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

_PATIENCE_S = 10.0
"""A connection that brought no whole request for this long, twice at the most, ends: else idle ones fill the house."""

_AT_ONCE = struct.pack("ii", 1, 0)


class ImpatientProtocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, **keywords: Any) -> None:  # noqa: ANN401 - passed on as they come
        """Let requests hang up by what `request.state` holds."""
        super().__init__(*args, **keywords)
        self.app_state = {**self.app_state, ABORT: self._abort}
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
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

    def _abort(self) -> None:
        """Hang up, and have the kernel drop what was not taken. Source: socket(7), SO_LINGER."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()
