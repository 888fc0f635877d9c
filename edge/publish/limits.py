"""The limits of a broker: packet size, retained messages, QoS, and how many messages may be unacknowledged at once.

MQTT 5 states them in CONNACK; for 3.1.1 they are learnt (isolation.py). Topic aliases are never used.
Source: MQTT 5, 3.2.2.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.publish.message import Message

_WINDOW = 20
"""Most messages on their way at once; a broker may allow fewer."""
_ANY_BYTES = 268_435_460
"""The longest packet of MQTT. Source: MQTT 5, 2.1.4."""
_EXPIRY_BYTES = 5
"""Message expiry interval: identifier and four bytes. Source: MQTT 5, 3.3.2.3.3."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one broker accepts; keepalive_s: None where it keeps ours."""

    packet_bytes: int = _ANY_BYTES
    retain: bool = True
    qos: int = 2
    in_flight: int = _WINDOW
    keepalive_s: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "in_flight", max(1, min(self.in_flight, _WINDOW)))

    def fitted(self, message: Message) -> Message | None:
        """Return a message within the limits; None for one that only clears what such a broker never retained."""
        if message.retain and not self.retain and not message.payload:
            return None
        return replace(message, retain=message.retain and self.retain, qos=min(message.qos, self.qos))

    def excess(self, message: Message, *, mqtt5: bool) -> str:
        """Return why a message is too large for this broker; empty where it is not."""
        size = packet_bytes(message, mqtt5=mqtt5)
        return f"{size} bytes, and the broker accepts {self.packet_bytes}" if size > self.packet_bytes else ""

    @property
    def remarks(self) -> list[str]:
        """What a user should know about this broker; each sentence begins with "the broker"."""
        remarks = {
            f"accepts packets of up to {self.packet_bytes} bytes": self.packet_bytes < _ANY_BYTES,
            "retains no messages: a client that subscribes later receives a state when it changes": not self.retain,
            "accepts QoS 0 only: it acknowledges nothing, so an alert can be lost on its way": self.qos == 0,
        }
        return [words for words, true in remarks.items() if true]


def packet_bytes(message: Message, *, mqtt5: bool) -> int:
    """Return the length of the PUBLISH packet of a message. Source: MQTT 5, 3.3; MQTT 3.1.1, 3.3."""
    properties = (1 + (0 if message.expiry_s is None else _EXPIRY_BYTES)) if mqtt5 else 0
    rest = 2 + len(message.topic.encode()) + (2 if message.qos else 0) + properties + len(message.payload)
    return 1 + _length_bytes(rest) + rest


def _length_bytes(rest: int) -> int:
    """Return how many bytes the field `remaining length` takes, seven bits each. Source: MQTT 5, 1.5.5."""
    return max(1, -(-rest.bit_length() // 7))
