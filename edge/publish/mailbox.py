"""Messages from any thread to one that waits in `select`."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.publish.message import Message


class Mailbox:
    """A bounded queue of (key, message) that can be waited for like a socket; a full one loses its oldest, counted."""

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self._messages: deque[tuple[str, Message]] = deque(maxlen=limit)
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)
        self.lost = 0

    def fileno(self) -> int:
        """Return what `select` waits on."""
        return self._reader.fileno()

    def put(self, key: str, message: Message) -> None:
        """Add a message and wake whoever waits; returns at once."""
        self.lost += len(self._messages) == self._messages.maxlen
        self._messages.append((key, message))
        self.wake()

    def take(self) -> tuple[str, Message] | None:
        """Return the oldest message; None where there is none."""
        return self._messages.popleft() if self._messages else None

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not self._messages

    def clear(self) -> None:
        """Forget all messages."""
        self._messages.clear()

    def calm(self) -> None:
        """Be asleep again until the next message, whether or not all were taken."""
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)

    def wake(self) -> None:
        """Wake whoever waits."""
        with contextlib.suppress(BlockingIOError):  # full of wake-ups already
            self._writer.send(b"\0")
