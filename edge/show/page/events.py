"""What the watch tells of itself, received as it comes and sent on as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from typing import TYPE_CHECKING

from edge.show.feed import MESSAGE_BYTES
from edge.show.page.newest import Newest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

log = logging.getLogger(__name__)

PARTS = frozenset({"device", "since", "state", "alerts", "counts", "models", "settings"})
"""Of the page, each an event of its name."""
_RETRY_S = 1.0
_AGAIN_S = 15.0
"""A line without meaning is sent after this long without news, so that a reader who is gone is noticed."""
_GONE = {"state": '{"gone":true}'}


class News:
    """The parts of the page by name, each as JSON; whole and newest for every reader."""

    def __init__(self, path: Path, *, on_end: Callable[[], None]) -> None:
        """Listen at `path`; `on_end` is called whenever no watch is there, or one has ended."""
        self._path, self._on_end = path, on_end
        self._parts: Newest[dict[str, str]] = Newest(_GONE)

    async def follow(self) -> None:
        """Receive until cancelled; a watch that ends is met again when it comes back."""
        while True:
            with contextlib.suppress(OSError):  # nobody is there, or this user may not listen
                await self._receive()
            self._on_end()
            if self._parts.value.get("state") != _GONE["state"]:
                self._parts.offer({**self._parts.value, **_GONE})
            await asyncio.sleep(_RETRY_S)

    async def _receive(self) -> None:
        """Take messages until the watch ends.

        Raises:
            OSError: nobody is there, or this user may not listen.
        """
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as ear:
            ear.settimeout(0)
            await loop.sock_connect(ear, str(self._path))
            while message := await loop.sock_recv(ear, MESSAGE_BYTES):
                try:
                    self._parts.offer(parts_of(message))
                except ValueError as error:  # the next message is whole again
                    log.warning("web page: news of the watch are damaged and passed over: %s", error)

    async def events(self, allowed: Callable[[], bool]) -> AsyncGenerator[bytes]:
        """Yield each part that differs from what was sent before as one event, while `allowed`.

        Source: HTML standard, 9.2 Server-sent events.
        """
        yield b"retry: 2000\n\n"
        sent: dict[str, str] = {}
        number = -1
        while allowed():
            number = await self._parts.after(number, _AGAIN_S)
            parts = self._parts.value
            news = [f"event: {name}\ndata: {text}\n\n" for name, text in parts.items() if sent.get(name) != text]
            sent = parts
            yield "".join(news).encode() or b": \n\n"


def parts_of(message: bytes) -> dict[str, str]:
    """Return the parts of the page in a message, each as JSON on one line; what the page does not know is left out.

    Raises:
        ValueError: it is not an object in JSON that a browser can read.
    """
    try:
        parts = json.loads(message)
        known = {name: part for name, part in parts.items() if name in PARTS}
        return {name: json.dumps(part, separators=(",", ":"), allow_nan=False) for name, part in known.items()}
    except AttributeError as error:
        raise ValueError("not an object") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
