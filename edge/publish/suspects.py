"""Finds the message at which a broker ends the connection, where it does not say so; MQTT 3.1.1 cannot.

What was on its way at the cut, and was never borne before, is sent alone on the next connection. What is cut off twice
alone is tried once unretained and once with QoS 0, where the broker never took better, and then left out, with all of
its topic from half its size on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge.publish.limits import Limits, packet_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.publish.message import Message

_STRIKES = 2
"""Cuts with a message alone on its way: one can be chance, a broker that is restarted."""
_OUT_S = 3_600.0
"""How long a message is left out before it is tried again."""
_MAX = 100
_PLAIN = (Limits(), Limits(retain=False), Limits(retain=False, qos=0))
"""How a suspect is sent, one after the other."""


@dataclass(slots=True)
class _Suspect:
    plainness: int = 0
    strikes: int = 0


@dataclass(frozen=True, slots=True)
class _Culprit:
    from_bytes: int
    size: int
    until: float


class Suspects:
    """Remembers, over many connections to one broker, what each ended at."""

    def __init__(self) -> None:
        """Suspect nothing."""
        self._suspects: dict[str, _Suspect] = {}
        self._culprits: dict[str, _Culprit] = {}
        self._largest: dict[str, int] = {}
        self._taken_retained = self._taken_qos1 = False
        self.learnt = Limits()

    @property
    def hunting(self) -> bool:
        """Whether something is to be sent alone."""
        return bool(self._suspects)

    def suspects(self, message: Message) -> bool:
        """Return whether a message is to be sent alone."""
        return message.topic in self._suspects

    def form(self, message: Message) -> Message | None:
        """Return a message as the broker is thought to take it; None: there is nothing to send, see `Limits.fitted`.

        One that a cut came at when it was alone is acknowledged where the broker can, so that nothing else is to blame.
        """
        suspect = self._suspects.get(message.topic)
        if suspect is None:
            return self.learnt.fitted(message)
        asked = replace(message, qos=1) if suspect.strikes else message
        return _PLAIN[suspect.plainness].fitted(asked)

    def left_out(self, message: Message, now: float) -> str:
        """Return why a message is not sent; empty where it is."""
        culprit = self._culprits.get(message.topic)
        if culprit and now >= culprit.until:
            del self._culprits[message.topic]
            self._suspects[message.topic] = _Suspect(strikes=_STRIKES - 1)
            return ""
        if culprit and _size(message) >= culprit.from_bytes:
            return f"the broker ends the connection at it ({culprit.size} bytes)"
        return ""

    def passed(self, message: Message, qos: int) -> None:
        """Note that the broker bore a message, at the QoS at which it was sent."""
        suspect = self._suspects.pop(message.topic, None)
        self._largest[message.topic] = max(_size(message), self._largest.get(message.topic, 0))
        if suspect and suspect.plainness:
            self.learnt = _PLAIN[suspect.plainness]
        self._taken_retained |= message.retain and self.learnt.retain
        self._taken_qos1 |= qos > 0

    def forget(self) -> None:
        """Suspect also what was borne before: the broker may take less now."""
        self._largest.clear()

    def cut(self, on_their_way: Sequence[Message], now: float) -> bool:
        """Note what was on its way when the broker ended a connection; return whether that may be why."""
        alone = on_their_way[0] if len(on_their_way) == 1 else None
        if alone and alone.topic in self._suspects:
            self._strike(alone, self._suspects[alone.topic], now)
            return True
        new = [message for message in on_their_way[:_MAX] if _size(message) > self._largest.get(message.topic, 0)]
        for message in new:
            self._suspects.setdefault(message.topic, _Suspect())
        return bool(new)

    def _strike(self, message: Message, suspect: _Suspect, now: float) -> None:
        suspect.strikes += 1
        if suspect.strikes < _STRIKES:
            return
        suspect.strikes = _STRIKES - 1
        suspect.plainness = self._plainer(message, suspect.plainness)
        if suspect.plainness < len(_PLAIN):
            return
        size = _size(message)
        from_bytes = max(size // 2, min(self._largest.get(message.topic, 0) + 1, size))
        self._culprits[message.topic] = _Culprit(from_bytes, size, now + _OUT_S)
        del self._suspects[message.topic]

    def _plainer(self, message: Message, plainness: int) -> int:
        """Return the next form that is another one, and that this broker was never known to better."""
        unretained = message.retain and not self._taken_retained
        for step in range(plainness + 1, len(_PLAIN)):
            if (step == 1 and unretained) or (step == 2 and not self._taken_qos1):
                return step
        return len(_PLAIN)


def _size(message: Message) -> int:
    return packet_bytes(replace(message, expiry_s=None), mqtt5=False)
