"""A response without an end: sent piece by piece, dropped when its reader is gone or too slow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import Receive, Scope, Send

ABORT = "abort"
"""Where a connection's own `abort()` lies in the state of a request."""
KEEP = "keep"
"""Where that lies which keeps a connection when all places are taken."""


class ViewerLimit:
    """At most so many at once."""

    def __init__(self, limit: int) -> None:
        """Start with all seats free."""
        self._limit, self.taken = limit, 0

    def take(self) -> bool:
        """Return whether a seat was free; it is taken then."""
        if self.taken >= self._limit:
            return False
        self.taken += 1
        return True

    def leave(self) -> None:
        """Free a seat."""
        self.taken -= 1


class Stream(Response):
    """Sends what `pieces` yields; each piece must be taken within `send_s`."""

    def __init__(
        self, pieces: AsyncGenerator[bytes], *, media_type: str, send_s: float, on_end: Callable[[], None]
    ) -> None:
        """Call `on_end` however it ends."""
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._pieces, self._send_s, self._on_end = pieces, send_s, on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the pieces end or the reader is gone; hang up on a reader that stalls."""
        scope["state"][KEEP]()
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            outcomes = await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._pieces.aclose()
            self._on_end()
        if isinstance(outcomes[0], TimeoutError):
            scope["state"][ABORT]()  # closing would wait for the reader to take what was written
            await _gone(receive)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._pieces:
            async with asyncio.timeout(self._send_s):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    """Return when the reader has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
