"""Send what the web page shows to its process; each message is complete, so that a lost one does no harm.

Sent over SOCK_SEQPACKET: a message arrives whole or not at all. Nothing is composed while nobody is connected.
"""

from __future__ import annotations

import logging
import socket
import time
from typing import TYPE_CHECKING

from edge.show.sockets import Viewers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.data import Scene

log = logging.getLogger(__name__)

MESSAGE_BYTES = 196_608
"""Longest message; within the 208 KiB that Linux buffers per socket by default. Source: net.core.wmem_default."""


class Feed:
    """Sink that sends what `compose` returns: at once after a change of `version`, else every `every_s`."""

    def __init__(
        self,
        path: Path,
        *,
        compose: Callable[[], bytes],
        version: Callable[[], int],
        every_s: float,
        group: str = "",
    ) -> None:
        """Listen at `path`."""
        self._compose = compose
        self._version = version
        self._every_s = every_s
        self._viewers = Viewers(path, socket.SOCK_SEQPACKET, group=group)
        self.path = self._viewers.path
        self._sent_version = -1
        self._next_at = float("-inf")
        self._was_too_long = False

    def put(self, scene: Scene) -> None:  # noqa: ARG002 - only the time and the version matter
        """Send to those who are connected; return at once."""
        if self._viewers.accept(_send_nothing):
            self._next_at = float("-inf")
        now, version = time.monotonic(), self._version()
        if not self._viewers or (version == self._sent_version and now < self._next_at):
            return
        self._sent_version = version
        self._next_at = now + self._every_s
        self._send(self._compose())

    def close(self) -> None:
        """Disconnect everybody and remove the socket."""
        self._viewers.close()

    def _send(self, message: bytes) -> None:
        """Send a message, or log once that it is too long: a part of it would be useless."""
        if len(message) <= MESSAGE_BYTES:
            self._viewers.send(message)
        elif not self._was_too_long:
            self._was_too_long = True
            log.error("the message for the web page is too long: %d bytes, at most %d", len(message), MESSAGE_BYTES)


def _send_nothing(_viewer: socket.socket) -> None:
    """Greet a new viewer with nothing: the first message follows at once."""
