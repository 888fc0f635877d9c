"""What was sent on a connection and is still on its way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.publish.message import Message

_RECENT_S = 2.0
"""A message of QoS 0 has arrived when the broker has borne it for so long."""
_MAX_RECENT = 50


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on its way; `message`: as it was asked for, whatever the broker's limits made of it."""

    key: str
    message: Message
    qos: int
    at: float


class InFlight:
    """Messages by their packet identifier until the broker acknowledges them; of QoS 0 for two seconds."""

    def __init__(self, limit: int) -> None:
        """Hold at most `limit` that wait for an acknowledgement."""
        self._limit = limit
        self._sent: dict[int, Sent] = {}
        self._recent: deque[Sent] = deque()

    @property
    def has_room(self) -> bool:
        """Whether one more may be sent."""
        return len(self._sent) < self._limit and len(self._recent) < _MAX_RECENT

    @property
    def keys(self) -> set[str]:
        """What waits for an acknowledgement, by key."""
        return {sent.key for sent in self._sent.values()}

    def add(self, mid: int, sent: Sent) -> None:
        """Note a message that was handed to the connection."""
        self._sent[mid] = sent

    def land(self, mid: int) -> Sent | None:
        """Return the message that was acknowledged, or written where it is of QoS 0; None for a stranger."""
        sent = self._sent.pop(mid, None)
        if sent and not sent.qos:
            self._recent.append(sent)
        return sent

    def settled(self, now: float) -> list[Sent]:
        """Return the messages of QoS 0 that have arrived by now, and forget them."""
        arrived = []
        while self._recent and now - self._recent[0].at >= _RECENT_S:
            arrived.append(self._recent.popleft())
        return arrived

    @property
    def on_their_way(self) -> list[Sent]:
        """All that may not have arrived, oldest first."""
        return sorted([*self._recent, *self._sent.values()], key=lambda sent: sent.at)

    def oldest_s(self, now: float) -> float:
        """Return for how long the oldest message has waited for its acknowledgement."""
        return max((now - sent.at for sent in self._sent.values() if sent.qos), default=0.0)
