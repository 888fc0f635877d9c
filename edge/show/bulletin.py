"""The news of a watch for whoever is connected: each message is all of it, so a lost one matters to nobody.

Sent over SOCK_SEQPACKET: a message arrives whole or not at all. Nothing is composed while nobody listens.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

from edge.show.sockets import listen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.data import Scene

MESSAGE_BYTES = 196_608
"""Longest message; within the 208 KiB that Linux lets a socket keep by default. Source: net.core.wmem_default."""


class Bulletin:
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
        self._listener, self.path = listen(path, socket.SOCK_SEQPACKET, group=group)
        self._listeners: list[socket.socket] = []
        self._told, self._next_at = -1, float("-inf")

    def put(self, scene: Scene) -> None:  # noqa: ARG002 - the passing of time and the version matter
        """Tell those who listen; return at once."""
        self._welcome()
        now, version = time.monotonic(), self._version()
        if not self._listeners or (version == self._told and now < self._next_at):
            return
        self._told, self._next_at = version, now + self._every_s
        message = self._compose()
        self._listeners = [listener for listener in self._listeners if _send(listener, message)]

    def close(self) -> None:
        """Send everybody away and leave no socket behind."""
        for listener in self._listeners:
            listener.close()
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _welcome(self) -> None:
        with contextlib.suppress(OSError):  # nobody is there, or this process is out of descriptors
            listener, _ = self._listener.accept()
            listener.settimeout(0)
            self._listeners.append(listener)
            self._next_at = float("-inf")


def _send(listener: socket.socket, message: bytes) -> bool:
    """Send a message; one that is too slow misses it; return False when it has gone."""
    try:
        listener.send(message)
    except BlockingIOError:
        return True
    except OSError:
        listener.close()
        return False
    return True
