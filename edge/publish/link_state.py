"""What a link holds through all of its connections: its owner, its queue, and what it has learnt of the broker."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from edge.publish.isolation import Isolation
from edge.publish.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge.publish.message import Message

log = logging.getLogger(__name__)

MAX_QUEUED = 1_000
"""Messages that wait for the link's thread; state is sent again on connecting, and alerts by the outbox."""
_NAMED = 3
"""Topics that a problem names; the others are counted."""

Keyed = tuple[str, "Message"]
"""A message with the key by which its acknowledgement is reported; an empty key: it is not reported."""


class LinkState(StrEnum):
    """How the connection stands; a state is shown as one of these, or as one of these with a detail: "lost: why"."""

    NOT_STARTED = "not started"
    UNKNOWN_HOST = "unknown host name"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    REFUSED = "refused"
    UNANSWERED = "mute"
    ONLINE = "online"
    DENIED = "denied"
    UNRESPONSIVE = "unresponsive"
    LOST = "lost"
    TAKEN_OVER = "taken over"
    STOPPED = "stopped"

    def because(self, detail: str) -> str:
        """Return the state with a detail."""
        return f"{self}: {detail}"


def _none() -> tuple[Keyed, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Owner:
    """What the owner of a link sends and receives; everything here runs on the link's thread.

    will: the last will.
    greeting: returns what to send on every new connection; drawn as it can be sent.
    undelivered: returns the part of it that no broker has acknowledged yet.
    on_acknowledged: takes the key of each message that the broker has taken over.
    on_message: takes topic, payload and whether the message was retained.
    """

    will: Message | None = None
    greeting: Callable[[], Iterable[Keyed]] = _none
    undelivered: Callable[[], Iterable[Keyed]] = _none
    on_acknowledged: Callable[[str], None] = lambda _key: None
    subscriptions: Sequence[str] = ()
    on_message: Callable[[str, bytes, bool], None] = lambda _topic, _payload, _retained: None


class SendQueue:
    """A bounded queue of (key, message) that `select` can wait for; a full one loses its oldest, counted in `lost`."""

    def __init__(self, limit: int = MAX_QUEUED) -> None:
        """Start empty."""
        self._messages: deque[Keyed] = deque(maxlen=limit)
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)
        self.lost = 0

    def fileno(self) -> int:
        """Return what `select` waits for."""
        return self._reader.fileno()

    def put(self, key: str, message: Message) -> None:
        """Add a message and wake the thread that waits; return at once."""
        self.lost += len(self._messages) == self._messages.maxlen
        self._messages.append((key, message))
        self.wake()

    def take(self) -> Keyed | None:
        """Return the oldest message; None where there is none."""
        return self._messages.popleft() if self._messages else None

    @property
    def is_empty(self) -> bool:
        """Whether there is no message."""
        return not self._messages

    def clear(self) -> None:
        """Drop all messages."""
        self._messages.clear()

    def calm(self) -> None:
        """Let `select` wait until the next message, whether or not all were taken."""
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)

    def wake(self) -> None:
        """Wake the thread that waits."""
        with contextlib.suppress(BlockingIOError):  # full of wake-ups already
            self._writer.send(b"\0")


class Refusals:
    """What the broker does not accept, by topic, and why; kept through a reconnect, so that no problem flickers."""

    def __init__(self) -> None:
        """Start with nothing refused."""
        self._denied: dict[str, str] = {}
        self._left_out: dict[str, str] = {}
        self._fresh: set[str] = set()
        self._logged: set[tuple[str, str]] = set()

    @property
    def state(self) -> str:
        """The state of a connection on which something is denied; empty where nothing is."""
        return next((LinkState.DENIED.because(f"{topic}: {why}") for topic, why in self._denied.items()), "")

    @property
    def text(self) -> str:
        """The problem: all that is not delivered; empty where everything is."""
        every = self._denied | self._left_out
        named = [f"{topic}: {why}" for topic, why in list(every.items())[:_NAMED]]
        more = f"; and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
        return "not taken: " + "; ".join(named) + more if every else ""

    def is_denied(self, topic: str) -> bool:
        """Return whether the broker denies a topic or a subscription."""
        return topic in self._denied

    def deny(self, topic: str, why: str) -> None:
        """Note that the broker denies something that it should accept."""
        self._fresh.add(topic)
        self._denied[topic] = why

    def leave_out(self, topic: str, why: str) -> None:
        """Note a message that is not sent and without which alerts still arrive; logged once."""
        self._fresh.add(topic)
        self._left_out[topic] = why
        if (topic, why) not in self._logged:
            self._logged.add((topic, why))
            log.warning("mqtt: not sent: %s: %s", topic, why)

    def accept(self, topic: str) -> bool:
        """Note what the broker accepts; return whether it was denied before on this connection."""
        self._left_out.pop(topic, None)
        return self._denied.pop(topic, None) is not None and topic in self._fresh

    def begin(self) -> None:
        """Begin a connection: everything that is known comes from an earlier one."""
        self._fresh.clear()

    def settle(self) -> None:
        """Forget what was not refused again on this connection, once everything was sent."""
        for kept in (self._denied, self._left_out):
            for topic in kept.keys() - self._fresh:
                del kept[topic]


@dataclass(slots=True)
class LinkMemory:
    """What one connection leaves to the next.

    unresponsive: the state of a broker that acknowledges nothing; empty once something is acknowledged.
    unheard: whether an alert found no subscriber.
    limits: what the broker accepts.
    ignored: how many messages came that were of no use.
    logged: what is not logged again.
    """

    queue: SendQueue = field(default_factory=SendQueue)
    isolation: Isolation = field(default_factory=Isolation)
    refusals: Refusals = field(default_factory=Refusals)
    unresponsive: str = ""
    unheard: bool = False
    limits: Limits = field(default_factory=Limits)
    ignored: int = 0
    logged: set[str] = field(default_factory=set)
