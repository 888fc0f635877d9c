"""Finds the message at which a broker ends the connection without a reason, as MQTT 3.1.1 does.

What was on its way when the connection ended, and never arrived before, is a suspect: it is sent alone on the next
connection. If the connection ends twice while a suspect is alone, the suspect is tried once unretained and once with
QoS 0, where the broker never took better. After that it is skipped, with all of its topic from half its size on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge.publish.limits import Limits, packet_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.publish.message import Message

_STRIKES = 2
"""Endings with a message alone on its way; one can be chance, such as a broker that is restarted."""
_SKIPPED_S = 3_600.0
"""How long a message is skipped before it is tried again."""
_MAX_SUSPECTS = 100
_FORMS = (Limits(), Limits(retain=False), Limits(retain=False, qos=0))
"""How a suspect is sent, one form after the other, each asking less of the broker."""


@dataclass(slots=True)
class _Suspect:
    form: int = 0
    strikes: int = 0


@dataclass(frozen=True, slots=True)
class _Skipped:
    from_bytes: int
    size_bytes: int
    until: float


class Isolation:
    """Remembers, over many connections to one broker, at which message each ended."""

    def __init__(self) -> None:
        """Start with no suspect."""
        self._suspects: dict[str, _Suspect] = {}
        self._skipped: dict[str, _Skipped] = {}
        self._largest_bytes: dict[str, int] = {}
        self._taken_retained = False
        self._taken_qos1 = False
        self.learnt = Limits()

    @property
    def is_active(self) -> bool:
        """Whether something has to be sent alone."""
        return bool(self._suspects)

    def is_suspect(self, message: Message) -> bool:
        """Return whether a message has to be sent alone."""
        return message.topic in self._suspects

    def form(self, message: Message) -> Message | None:
        """Return a message in the form that the broker should accept; None: nothing to send, see `Limits.fitted`.

        A suspect at which a connection has ended is sent with an acknowledgement where the broker has one: nothing else
        can then be the cause.
        """
        suspect = self._suspects.get(message.topic)
        if suspect is None:
            return self.learnt.fitted(message)
        asked = replace(message, qos=1) if suspect.strikes else message
        return _FORMS[suspect.form].fitted(asked)

    def skip_reason(self, message: Message, now: float) -> str:
        """Return why a message is not sent; empty where it is."""
        skipped = self._skipped.get(message.topic)
        if skipped and now >= skipped.until:
            del self._skipped[message.topic]
            self._suspects[message.topic] = _Suspect(strikes=_STRIKES - 1)
            return ""
        if skipped and _size_bytes(message) >= skipped.from_bytes:
            return f"the broker ends the connection at it ({skipped.size_bytes} bytes)"
        return ""

    def arrived(self, message: Message, qos: int) -> None:
        """Note that a message arrived, at the QoS with which it was sent."""
        suspect = self._suspects.pop(message.topic, None)
        self._largest_bytes[message.topic] = max(_size_bytes(message), self._largest_bytes.get(message.topic, 0))
        if suspect and suspect.form:
            self.learnt = _FORMS[suspect.form]
        self._taken_retained |= message.retain and self.learnt.retain
        self._taken_qos1 |= qos > 0

    def forget_arrivals(self) -> None:
        """Suspect also what arrived before: the broker may accept less now."""
        self._largest_bytes.clear()

    def connection_ended(self, on_their_way: Sequence[Message], now: float) -> bool:
        """Note what was on its way when the broker ended the connection; return whether that may be the cause."""
        alone = on_their_way[0] if len(on_their_way) == 1 else None
        if alone and alone.topic in self._suspects:
            self._strike(alone, self._suspects[alone.topic], now)
            return True
        new = [m for m in on_their_way[:_MAX_SUSPECTS] if _size_bytes(m) > self._largest_bytes.get(m.topic, 0)]
        for message in new:
            self._suspects.setdefault(message.topic, _Suspect())
        return bool(new)

    def _strike(self, message: Message, suspect: _Suspect, now: float) -> None:
        """Count an ending at a suspect that was alone; try its next form, or skip it from now on."""
        suspect.strikes += 1
        if suspect.strikes < _STRIKES:
            return
        suspect.strikes = _STRIKES - 1
        suspect.form = self._next_form(message, suspect.form)
        if suspect.form < len(_FORMS):
            return
        size_bytes = _size_bytes(message)
        from_bytes = max(size_bytes // 2, min(self._largest_bytes.get(message.topic, 0) + 1, size_bytes))
        self._skipped[message.topic] = _Skipped(from_bytes, size_bytes, now + _SKIPPED_S)
        del self._suspects[message.topic]

    def _next_form(self, message: Message, form: int) -> int:
        """Return the next form that differs, and where the broker never took a better one."""
        unretained = message.retain and not self._taken_retained
        for step in range(form + 1, len(_FORMS)):
            if (step == 1 and unretained) or (step == 2 and not self._taken_qos1):
                return step
        return len(_FORMS)


def _size_bytes(message: Message) -> int:
    return packet_bytes(replace(message, expiry_s=None), mqtt5=False)
