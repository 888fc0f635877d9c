"""Responses without an end: how many at once, the newest value that they wait for, and how they are sent."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Generic, TypeVar

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import Receive, Scope, Send

_T = TypeVar("_T")

ABORT = "abort"
"""Key in the state of a request: a function that aborts its connection."""
KEEP = "keep"
"""Key in the state of a request: a function that keeps its connection open when all connections are in use."""


class ViewerLimit:
    """Counts viewers, up to a limit."""

    def __init__(self, limit: int) -> None:
        """Start with no viewer."""
        self._limit = limit
        self.count = 0

    def acquire(self) -> bool:
        """Count one more viewer; return False where the limit is reached."""
        if self.count >= self._limit:
            return False
        self.count += 1
        return True

    def release(self) -> None:
        """Count one viewer less."""
        self.count -= 1


class Newest(Generic[_T]):
    """The newest value, for any number of tasks on one event loop, each of which waits at its own pace."""

    def __init__(self, value: _T) -> None:
        """Start with a value, which has number 0."""
        self.value = value
        self.number = 0
        self._changed = asyncio.Event()

    def replace(self, value: _T) -> None:
        """Replace the value and wake all waiting tasks."""
        self.value = value
        self.number += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, number: int, timeout_s: float) -> int:
        """Wait while the newest value has this number, up to a timeout; return the number of the newest value."""
        if self.number == number:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._changed.wait()
        return self.number


class Stream(Response):
    """Sends the pieces of a generator; a browser must take each piece within `send_s`."""

    def __init__(
        self, pieces: AsyncGenerator[bytes], *, media_type: str, send_s: float, on_end: Callable[[], None]
    ) -> None:
        """Prepare the response; `on_end` is called once, however it ends."""
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._pieces = pieces
        self._send_s = send_s
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the pieces end or the browser disconnects; abort the connection of a browser that stalls."""
        scope["state"][KEEP]()
        sending = asyncio.create_task(self._send(send))
        disconnecting = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({sending, disconnecting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            disconnecting.cancel()
            outcomes = await asyncio.gather(sending, disconnecting, return_exceptions=True)
            await self._pieces.aclose()
            self._on_end()
        if isinstance(outcomes[0], TimeoutError):
            scope["state"][ABORT]()  # closing would wait until the browser has taken what was written
            await _disconnected(receive)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._pieces:
            async with asyncio.timeout(self._send_s):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    """Return when the browser has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
