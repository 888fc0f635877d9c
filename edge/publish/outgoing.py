"""What one connection sends: the greeting, then what waits, within the broker's limits; and what became of each."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from edge.publish.in_flight import InFlight, Sent
from edge.publish.message import WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.publish.backoff import Reason
    from edge.publish.client import Connection
    from edge.publish.duties import Duties, Keyed, Known
    from edge.publish.limits import Limits
    from edge.publish.message import Message

_AGAIN_S = 30.0
"""How often one of the messages is sent again that nobody heard, or that the broker denied."""
_NOBODY = 16
"""Reason code of a message that nobody subscribes to: kept as not delivered. Source: MQTT 5, 3.4.2.1."""
LAST_WORD = "last word"


class Outgoing:
    """Hands over one message after the other, as many at once as the broker grants."""

    def __init__(self, connection: Connection, duties: Duties, known: Known, limits: Limits, *, mqtt5: bool) -> None:
        """Begin with the greeting; what waited before is old, for the greeting holds what matters of it."""
        self._connection, self._duties, self._known = connection, duties, known
        self._limits, self._mqtt5 = limits, mqtt5
        self._flight = InFlight(limits.in_flight)
        known.waiting.clear()
        known.refusals.begin()
        self._backlog: Iterator[Keyed] = iter(duties.greeting())
        self._held: Keyed | None = None
        self._probes: Iterator[Keyed] = iter(())
        self._filters: dict[int, str] = {}
        self._settled = known.unheard = False
        self._lost, self._again_at = known.waiting.lost, time.monotonic() + _AGAIN_S

    @property
    def on_their_way(self) -> list[Message]:
        """What was sent and may not have arrived, oldest first."""
        return [sent.message for sent in self._flight.on_their_way]

    def oldest_s(self, now: float) -> float:
        """Return for how long the oldest message has waited for its acknowledgement."""
        return self._flight.oldest_s(now)

    @property
    def is_sending(self) -> bool:
        """Whether the last word is not acknowledged yet."""
        return LAST_WORD in self._flight.keys or self._held is not None or not self._known.waiting.is_empty

    def finish(self, last_word: Message) -> None:
        """Send what waits, then the last word; the greeting's rest comes with the next connection."""
        self._backlog = iter(())
        self._known.waiting.put(LAST_WORD, last_word)

    def subscribe(self) -> None:
        """Ask for what the owner wants to hear."""
        for topic in self._duties.subscriptions:
            self._filters[self._connection.subscribe(topic)] = topic

    def subscribed(self, mid: int, reason: Reason) -> None:
        """Note whether a subscription was granted."""
        name = f"subscription {self._filters.get(mid, '')}"
        if reason.failed:
            self._known.refusals.deny(name, reason.words)
        else:
            self._known.refusals.accept(name)

    def pump(self) -> None:
        """Send what can be sent now."""
        now = time.monotonic()
        for sent in self._flight.settled(now):
            self._known.suspects.passed(sent.message, sent.qos)
            self._arrived(sent, 0)
        while self._connection.is_accepted and not self._connection.is_busy and self._flight.has_room:
            keyed = self._next(now)
            if keyed is None:
                return
            if self._must_wait(keyed[1]):
                self._held = keyed
                return
            self._send(*keyed)

    def acknowledged(self, mid: int, reason: Reason) -> None:
        """Note what the broker did with a message; one of QoS 0 was only written, and arrives a little later."""
        sent, known = self._flight.land(mid), self._known
        if sent is None or not sent.qos:
            return
        known.standing = ""
        known.suspects.passed(sent.message, sent.qos)
        # what takes something away has nobody to hear it, and a broker that denies it will not do otherwise later
        if reason.failed and not self._take_away(sent.key):
            known.refusals.deny(sent.message.topic, reason.words)
        elif not reason.failed:
            self._arrived(sent, reason.value)

    def _arrived(self, sent: Sent, reason: int) -> None:
        """Send anew what was denied before this one was taken, and tell the owner of it."""
        if self._known.refusals.accept(sent.message.topic):
            self._backlog = itertools.chain(self._backlog, self._duties.greeting())
        if sent.key and sent.key != LAST_WORD and not self._take_away(sent.key):
            self._heard(sent.key, reason)

    def _take_away(self, key: str) -> bool:
        """Settle a message that takes something away, whatever became of it; return whether it is one."""
        withdrawn = key.startswith(WITHDRAWN)
        if withdrawn:
            self._duties.on_acknowledged(key)
        return withdrawn

    def _heard(self, key: str, reason: int) -> None:
        """Tell the owner of what arrived; where the first subscriber has come, send what was kept for one."""
        if reason == _NOBODY:
            self._known.unheard = True
            return
        self._duties.on_acknowledged(key)
        if self._known.unheard:
            self._known.unheard = False
            self._backlog = itertools.chain(self._backlog, self._duties.undelivered())

    def _next(self, now: float) -> Keyed | None:
        held, self._held = self._held, None
        return held or next(self._backlog, None) or self._known.waiting.take() or self._caught_up(now)

    def _caught_up(self, now: float) -> Keyed | None:
        """Return what else to send once all was: what the queue lost, or one of what did not arrive."""
        if self._known.waiting.lost != self._lost:
            self._lost = self._known.waiting.lost
            self._backlog = iter(self._duties.greeting())
            return next(self._backlog, None)
        if not self._settled and not self._flight.on_their_way:
            self._settled = True
            self._known.refusals.settle()
        if now < self._again_at:
            return None
        self._again_at = now + _AGAIN_S
        return self._probe()

    def _probe(self) -> Keyed | None:
        """Return one of the messages that were denied, or that nobody heard: another one each time."""
        refusals = self._known.refusals
        if refusals.state:
            self.subscribe()
            return next((keyed for keyed in self._duties.greeting() if refusals.denied(keyed[1].topic)), None)
        if not self._known.unheard:
            return None
        following = next(self._probes, None)
        if following is None:
            self._probes = iter(self._duties.undelivered())
            following = next(self._probes, None)
        return following

    def _must_wait(self, message: Message) -> bool:
        """Return whether something else is to arrive first, so that a cut shows at which message it came."""
        on_their_way = self._flight.on_their_way
        suspects = self._known.suspects
        return bool(on_their_way) and (
            suspects.suspects(message) or any(suspects.suspects(sent.message) for sent in on_their_way)
        )

    def _send(self, key: str, message: Message) -> None:
        known, asked = self._known, message
        why = known.suspects.left_out(message, time.monotonic())
        form = known.suspects.form(message)
        fitted = self._limits.fitted(form) if form else None
        if fitted is None:
            self._take_away(key)
            return
        why = why or self._limits.excess(fitted, mqtt5=self._mqtt5)
        try:
            mid = 0 if why else self._connection.publish(fitted)
        except ValueError as error:  # a topic that is none: paho refuses it
            why = str(error)
        if why:
            self._leave_out(key, asked, why)
            return
        self._flight.add(mid, Sent(key, asked, fitted.qos, time.monotonic()))
        self._connection.write()

    def _leave_out(self, key: str, message: Message, why: str) -> None:
        """Name a message that this broker cannot have; one with a key is what matters, and the owner keeps it."""
        if self._take_away(key):
            return
        if key and key != LAST_WORD:
            self._known.refusals.deny(message.topic, why)
        else:
            self._known.refusals.leave_out(message.topic, why)
