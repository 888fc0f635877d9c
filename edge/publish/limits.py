"""What a broker takes: how long a packet, whether retained, at which QoS, how many unacknowledged at once.

MQTT 5 says it in CONNACK; of 3.1.1 it is learnt (suspects.py). Topic aliases are never used, so their maximum is kept.
Source: MQTT 5, 3.2.2.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.publish.message import Message

_WINDOW = 20
"""Messages on their way at once, where the broker allows as many."""
_ANY_BYTES = 268_435_460
"""The longest packet that MQTT has. Source: MQTT 5, 2.1.4."""
_EXPIRY_BYTES = 5
"""Message expiry interval: identifier and four bytes. Source: MQTT 5, 3.3.2.3.3."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one broker takes; keepalive_s: None where it leaves ours."""

    packet_bytes: int = _ANY_BYTES
    retain: bool = True
    qos: int = 2
    in_flight: int = _WINDOW
    keepalive_s: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "in_flight", max(1, min(self.in_flight, _WINDOW)))

    def fitted(self, message: Message) -> Message | None:
        """Return a message as this broker takes it; None for one that only clears what such a broker never kept."""
        if message.retain and not self.retain and not message.payload:
            return None
        return replace(message, retain=message.retain and self.retain, qos=min(message.qos, self.qos))

    def excess(self, message: Message, *, mqtt5: bool) -> str:
        """Return why a message is too large for this broker; empty where it is not."""
        size = packet_bytes(message, mqtt5=mqtt5)
        return f"{size} bytes, and the broker takes {self.packet_bytes}" if size > self.packet_bytes else ""

    @property
    def remarks(self) -> list[str]:
        """What a user should know of this broker, in words."""
        told = {
            f"takes packets of {self.packet_bytes} bytes at most": self.packet_bytes < _ANY_BYTES,
            "keeps no retained messages: who subscribes later hears no state before it changes": not self.retain,
            "takes QoS 0 only: it acknowledges nothing, so an alert can be lost on its way": self.qos == 0,
        }
        return [words for words, true in told.items() if true]


def packet_bytes(message: Message, *, mqtt5: bool) -> int:
    """Return how long the PUBLISH packet of a message is. Source: MQTT 5, 3.3; MQTT 3.1.1, 3.3."""
    properties = (1 + (0 if message.expiry_s is None else _EXPIRY_BYTES)) if mqtt5 else 0
    rest = 2 + len(message.topic.encode()) + (2 if message.qos else 0) + properties + len(message.payload)
    return 1 + _length_bytes(rest) + rest


def _length_bytes(rest: int) -> int:
    """Return how many bytes the remaining length takes, seven bits each. Source: MQTT 5, 1.5.5."""
    return max(1, -(-rest.bit_length() // 7))
