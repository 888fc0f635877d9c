"""What one connection sends within the broker's limits: first the greeting, then the queue."""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.publish.message import WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.publish.backoff import Reason
    from edge.publish.client import Connection
    from edge.publish.limits import Limits
    from edge.publish.link_state import Keyed, LinkMemory, Owner
    from edge.publish.message import Message

_PROBE_S = 30.0
"""Interval at which one of the messages is sent again that found no subscriber, or that the broker denied."""
_NO_SUBSCRIBER = 16
"""Reason code of a message without a subscriber, which counts as not delivered. Source: MQTT 5, 3.4.2.1."""
_QOS0_S = 2.0
"""A message of QoS 0 has arrived when the connection has lasted for so long after it."""
_MAX_QOS0 = 50
_LAST_WORD = "last word"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on its way; `message`: as it was asked for, before the broker's limits changed it."""

    key: str
    message: Message
    qos: int
    at: float


class InFlight:
    """Messages by packet identifier until the broker acknowledges them; those of QoS 0 for two seconds."""

    def __init__(self, limit: int) -> None:
        """Hold at most `limit` messages that wait for an acknowledgement."""
        self._limit = limit
        self._sent: dict[int, Sent] = {}
        self._qos0: deque[Sent] = deque()

    @property
    def has_room(self) -> bool:
        """Whether one more may be sent."""
        return len(self._sent) < self._limit and len(self._qos0) < _MAX_QOS0

    @property
    def keys(self) -> set[str]:
        """The keys of what waits for an acknowledgement."""
        return {sent.key for sent in self._sent.values()}

    def add(self, mid: int, sent: Sent) -> None:
        """Note a message that was passed to the connection."""
        self._sent[mid] = sent

    def acknowledge(self, mid: int) -> Sent | None:
        """Return the message that was acknowledged, or written where it is of QoS 0; None for an unknown one."""
        sent = self._sent.pop(mid, None)
        if sent and not sent.qos:
            self._qos0.append(sent)
        return sent

    def take_arrived(self, now: float) -> list[Sent]:
        """Return the messages of QoS 0 that have arrived by now, and drop them."""
        arrived = []
        while self._qos0 and now - self._qos0[0].at >= _QOS0_S:
            arrived.append(self._qos0.popleft())
        return arrived

    @property
    def on_their_way(self) -> list[Sent]:
        """All that may not have arrived, oldest first."""
        return sorted([*self._qos0, *self._sent.values()], key=lambda sent: sent.at)

    def oldest_s(self, now: float) -> float:
        """Return for how long the oldest message has waited for its acknowledgement."""
        return max((now - sent.at for sent in self._sent.values() if sent.qos), default=0.0)


class Outgoing:
    """Sends one message after the other, as many at once as the broker grants."""

    def __init__(
        self, connection: Connection, owner: Owner, memory: LinkMemory, limits: Limits, *, mqtt5: bool
    ) -> None:
        """Begin with the greeting; what was queued before is old, since the greeting holds what matters of it."""
        self._connection = connection
        self._owner = owner
        self._memory = memory
        self._limits = limits
        self._mqtt5 = mqtt5
        self._flight = InFlight(limits.in_flight)
        memory.queue.clear()
        memory.refusals.begin()
        memory.unheard = False
        self._backlog: Iterator[Keyed] = iter(owner.greeting())
        self._held: Keyed | None = None
        self._probes: Iterator[Keyed] = iter(())
        self._filters: dict[int, str] = {}
        self._is_settled = False
        self._lost = memory.queue.lost
        self._probe_at = time.monotonic() + _PROBE_S

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
        return _LAST_WORD in self._flight.keys or self._held is not None or not self._memory.queue.is_empty

    def finish(self, last_word: Message) -> None:
        """Send what is queued, then the last word; the rest of the greeting comes with the next connection."""
        self._backlog = iter(())
        self._memory.queue.put(_LAST_WORD, last_word)

    def subscribe(self) -> None:
        """Ask for the owner's subscriptions."""
        for topic in self._owner.subscriptions:
            self._filters[self._connection.subscribe(topic)] = topic

    def subscribed(self, mid: int, reason: Reason) -> None:
        """Note whether a subscription was granted."""
        name = f"subscription {self._filters.get(mid, '')}"
        if reason.failed:
            self._memory.refusals.deny(name, reason.words)
        else:
            self._memory.refusals.accept(name)

    def pump(self) -> None:
        """Send what can be sent now."""
        now = time.monotonic()
        for sent in self._flight.take_arrived(now):
            self._memory.isolation.arrived(sent.message, sent.qos)
            self._on_arrival(sent, 0)
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
        sent, memory = self._flight.acknowledge(mid), self._memory
        if sent is None or not sent.qos:
            return
        memory.unresponsive = ""
        memory.isolation.arrived(sent.message, sent.qos)
        # a removal has no subscriber, and a broker that denies it will not accept it later
        if reason.failed and not self._settle_removal(sent.key):
            memory.refusals.deny(sent.message.topic, reason.words)
        elif not reason.failed:
            self._on_arrival(sent, reason.value)

    def _on_arrival(self, sent: Sent, reason: int) -> None:
        """Report a message to the owner; send again what was denied before this one was accepted."""
        if self._memory.refusals.accept(sent.message.topic):
            self._backlog = itertools.chain(self._backlog, self._owner.greeting())
        if sent.key and sent.key != _LAST_WORD and not self._settle_removal(sent.key):
            self._report(sent.key, reason)

    def _settle_removal(self, key: str) -> bool:
        """Report a message that removes something, whatever became of it; return whether it is one."""
        withdrawn = key.startswith(WITHDRAWN)
        if withdrawn:
            self._owner.on_acknowledged(key)
        return withdrawn

    def _report(self, key: str, reason: int) -> None:
        """Report a delivery to the owner; once there is a subscriber, send what was kept for one."""
        if reason == _NO_SUBSCRIBER:
            self._memory.unheard = True
            return
        self._owner.on_acknowledged(key)
        if self._memory.unheard:
            self._memory.unheard = False
            self._backlog = itertools.chain(self._backlog, self._owner.undelivered())

    def _next(self, now: float) -> Keyed | None:
        held, self._held = self._held, None
        return held or next(self._backlog, None) or self._memory.queue.take() or self._next_again(now)

    def _next_again(self, now: float) -> Keyed | None:
        """Return what to send again once everything was sent: what the queue lost, or a probe."""
        if self._memory.queue.lost != self._lost:
            self._lost = self._memory.queue.lost
            self._backlog = iter(self._owner.greeting())
            return next(self._backlog, None)
        if not self._is_settled and not self._flight.on_their_way:
            self._is_settled = True
            self._memory.refusals.settle()
        if now < self._probe_at:
            return None
        self._probe_at = now + _PROBE_S
        return self._probe()

    def _probe(self) -> Keyed | None:
        """Return one of the messages that were denied, or that found no subscriber: another one each time."""
        refusals = self._memory.refusals
        if refusals.state:
            self.subscribe()
            return next((keyed for keyed in self._owner.greeting() if refusals.is_denied(keyed[1].topic)), None)
        if not self._memory.unheard:
            return None
        following = next(self._probes, None)
        if following is None:
            self._probes = iter(self._owner.undelivered())
            following = next(self._probes, None)
        return following

    def _must_wait(self, message: Message) -> bool:
        """Return whether something else has to arrive first, so that an ending shows at which message it came."""
        on_their_way, isolation = self._flight.on_their_way, self._memory.isolation
        return bool(on_their_way) and (
            isolation.is_suspect(message) or any(isolation.is_suspect(sent.message) for sent in on_their_way)
        )

    def _send(self, key: str, message: Message) -> None:
        """Send a message in a form that the broker accepts, or leave it out and name why."""
        isolation = self._memory.isolation
        why = isolation.skip_reason(message, time.monotonic())
        form = isolation.form(message)
        fitted = self._limits.fitted(form) if form else None
        if fitted is None:
            self._settle_removal(key)
            return
        why = why or self._limits.excess(fitted, mqtt5=self._mqtt5)
        try:
            mid = 0 if why else self._connection.publish(fitted)
        except ValueError as error:  # paho refuses a topic that is not valid
            why = str(error)
        if why:
            self._leave_out(key, message, why)
            return
        self._flight.add(mid, Sent(key, message, fitted.qos, time.monotonic()))
        self._connection.write()

    def _leave_out(self, key: str, message: Message, why: str) -> None:
        """Name a message that this broker cannot accept; one with a key is an alert, and the owner keeps it."""
        if self._settle_removal(key):
            return
        if key and key != _LAST_WORD:
            self._memory.refusals.deny(message.topic, why)
        else:
            self._memory.refusals.leave_out(message.topic, why)
