"""The news of a watch for whoever is connected: each message is all of it, so a lost one matters to nobody.

Sent over SOCK_SEQPACKET: a message arrives whole or not at all. Nothing is composed while nobody listens.
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
"""Longest message; within the 208 KiB that Linux lets a socket keep by default. Source: net.core.wmem_default."""


class Feed:
    """Sink that sends what `compose` returns: on every change at once, else every `every_s`."""

    def __init__(
        self,
        path: Path,
        *,
        compose: Callable[[], bytes],
        version: Callable[[], int],
        every_s: float,
        group: str = "",
    ) -> None:
        """Listen at `path`; `version` tells by its change that something must be told at once."""
        self._compose, self._version, self._every_s = compose, version, every_s
        self._listeners = Viewers(path, socket.SOCK_SEQPACKET, group=group)
        self.path = self._listeners.path
        self._told, self._next_at = -1, float("-inf")
        self._too_long = False

    def put(self, scene: Scene) -> None:  # noqa: ARG002 - the passing of time and the version matter
        """Send to those who listen; return at once."""
        if self._listeners.welcome(_greet):
            self._next_at = float("-inf")
        now, version = time.monotonic(), self._version()
        if not self._listeners or (version == self._told and now < self._next_at):
            return
        self._told, self._next_at = version, now + self._every_s
        self._send(self._compose())

    def close(self) -> None:
        """Send everybody away and leave no socket behind."""
        self._listeners.close()

    def _send(self, message: bytes) -> None:
        """Send a message, or log once that it is too long: a part of it would be worth nothing."""
        if len(message) <= MESSAGE_BYTES:
            self._listeners.send(message)
        elif not self._too_long:
            self._too_long = True
            log.error("what the web page shows is too long: %d bytes, at most %d", len(message), MESSAGE_BYTES)


def _greet(_listener: socket.socket) -> None:
    """Send nothing: the first message comes at once."""
