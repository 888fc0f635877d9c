"""What the page shows next to the image: received from the service as it changes, sent on as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from typing import TYPE_CHECKING

from edge.show.feed import MESSAGE_BYTES
from edge.show.page.stream import Newest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

log = logging.getLogger(__name__)

PARTS = frozenset({"device", "since", "state", "alerts", "counts", "drift", "models", "settings"})
"""Parts of the page, each sent as an event of this name."""
_RETRY_S = 1.0
_REPEAT_S = 15.0
"""After this long without a change a comment is sent, so that a closed connection is noticed."""
_GONE = {"state": '{"gone":true}'}


class Events:
    """The parts of the page by name, each as JSON: every browser gets all of them, then those that change."""

    def __init__(self, path: Path, *, on_end: Callable[[], None]) -> None:
        """Read the feed at `path`; `on_end` is called each time no service is there, or the service has ended."""
        self._path = path
        self._on_end = on_end
        self._parts: Newest[dict[str, str]] = Newest(_GONE)

    async def follow(self) -> None:
        """Receive until cancelled; connect again when the service comes back."""
        while True:
            with contextlib.suppress(OSError):  # no service is there, or this user may not read it
                await self._receive()
            self._on_end()
            if self._parts.value.get("state") != _GONE["state"]:
                self._parts.replace({**self._parts.value, **_GONE})
            await asyncio.sleep(_RETRY_S)

    async def _receive(self) -> None:
        """Receive messages until the service ends.

        Raises:
            OSError: no service is there, or this user may not read it.
        """
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as feed:
            feed.settimeout(0)
            await loop.sock_connect(feed, str(self._path))
            while message := await loop.sock_recv(feed, MESSAGE_BYTES):
                try:
                    self._parts.replace(parts_of(message))
                except ValueError as error:  # the next message is complete again
                    log.warning("web page: a damaged message of the service is skipped: %s", error)

    async def events(self, allowed: Callable[[], bool]) -> AsyncGenerator[bytes]:
        """Yield each part that has changed since it was last sent as one event, while `allowed`.

        Source: HTML standard, 9.2 Server-sent events.
        """
        yield b"retry: 2000\n\n"
        sent: dict[str, str] = {}
        number = -1
        while allowed():
            number = await self._parts.after(number, _REPEAT_S)
            parts = self._parts.value
            changed = [f"event: {name}\ndata: {text}\n\n" for name, text in parts.items() if sent.get(name) != text]
            sent = parts
            yield "".join(changed).encode() or b": \n\n"


def parts_of(message: bytes) -> dict[str, str]:
    """Return the parts of the page in a message, each as JSON on one line; unknown parts are left out.

    Raises:
        ValueError: the message is not a JSON object that a browser can read.
    """
    try:
        parts = json.loads(message)
        known = {name: part for name, part in parts.items() if name in PARTS}
        return {name: json.dumps(part, separators=(",", ":"), allow_nan=False) for name, part in known.items()}
    except AttributeError as error:
        raise ValueError("not an object") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
