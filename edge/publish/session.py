"""One connection from its opening to its end."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from edge.publish.backoff import Ending, state_of
from edge.publish.client import Connection
from edge.publish.link_state import LinkState
from edge.publish.outgoing import Outgoing

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from edge.publish.backoff import ConnectOptions, Reason
    from edge.publish.broker import Broker
    from edge.publish.limits import Limits
    from edge.publish.link_state import LinkMemory, Owner
    from edge.publish.message import Message

log = logging.getLogger(__name__)

_LAST_WORD_S = 2.0
"""How long the acknowledgement of the last word, `offline`, may take when the link is closed."""
_UNRESPONSIVE_S = 30.0
"""How long any message may wait for its acknowledgement before the connection is given up."""
_DISCONNECT_S = 0.5
_ANSWER_S = 3.0
"""How long a broker may take to answer CONNECT; one that knows 3.1.1 only may never answer MQTT 5."""
_TICK_S = 1.0
_UNUSABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)
"""What a reader raises on a payload that a stranger wrote; deep nesting is a RecursionError, so a RuntimeError."""
_LOST = 128
"""Unspecified error: the reason code of a connection that ended without a reason."""


class OnState(Protocol):
    """Takes every state that a connection enters."""

    def __call__(self, state: str, *, connected: bool) -> None:
        """Take a state; `connected`: the broker has accepted us."""


class Session:
    """One connection; runs once, on the link's thread."""

    def __init__(
        self, broker: Broker, options: ConnectOptions, owner: Owner, memory: LinkMemory, on_state: OnState
    ) -> None:
        """Prepare; nothing is opened before `run`."""
        self._broker = broker
        self._options = options
        self._owner = owner
        self._memory = memory
        self._on_state = on_state
        self._outgoing: Outgoing | None = None
        self._accepted_at = 0.0
        self._is_closing = False
        self._ending = Ending()

    def run(self, stop: threading.Event, last_word: Callable[[], Message | None]) -> Ending:
        """Open the connection and serve it until it ends or `stop` is set, then close it; return how it ended.

        last_word: returns the message to send last, where `stop` was set.
        """
        try:
            self._connection = Connection(self._broker, self._will(), self, mqtt5=self._options.mqtt5)
            self._connection.open()
        except (OSError, ValueError) as error:
            self._on_state(state_of(error), connected=False)
            return self._ending
        opened_at = time.monotonic()
        self._ending = Ending(opened=True)
        while self._connection.is_open and not stop.is_set() and not self._is_overdue(opened_at):
            self._turn(_TICK_S)
        self._is_closing = True
        if stop.is_set():
            self._send_last_word(last_word())
        self._close()
        return self._ending

    def connected(self, reason: Reason, granted: Limits) -> None:
        """Subscribe, and send the greeting within what the broker grants."""
        if reason.of_the_protocol and self._options.mqtt5:
            return
        if reason.failed:
            self._ending = replace(self._ending, answered=True, reason=reason)
            if not reason.of_the_will(self._options.limits):
                self._on_state(LinkState.REFUSED.because(reason.words), connected=False)
            return
        self._ending = replace(self._ending, answered=True, granted=granted)
        self._accepted_at = time.monotonic()
        limits = self._memory.limits = granted if self._options.mqtt5 else self._options.limits
        for remark in limits.remarks:
            self._log_once(f"the broker {remark}")
        self._outgoing = Outgoing(self._connection, self._owner, self._memory, limits, mqtt5=self._options.mqtt5)
        self._outgoing.subscribe()
        self._report_state()

    def ended(self, reason: Reason, *, announced: bool) -> None:
        """Find out what ended the connection, unless we did."""
        if self._is_closing or self._outgoing is None:
            return
        now, on_their_way = time.monotonic(), self._outgoing.on_their_way
        explained = not reason.of_a_message or self._memory.isolation.connection_ended(on_their_way, now)
        unexplained = not announced and reason.value == _LOST and not explained
        contested = reason.taken_over or unexplained
        self._ending = replace(self._ending, lasted_s=now - self._accepted_at, contested=contested)
        taken_over = LinkState.TAKEN_OVER.because("another client has our id")
        self._on_state(taken_over if reason.taken_over else LinkState.LOST.because(reason.words), connected=False)

    def acknowledged(self, mid: int, reason: Reason) -> None:
        """Note what the broker did with a message."""
        if self._outgoing:
            self._outgoing.acknowledged(mid, reason)

    def subscribed(self, mid: int, reason: Reason) -> None:
        """Note whether a subscription was granted."""
        if self._outgoing:
            self._outgoing.subscribed(mid, reason)

    def received(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - as the link calls it
        """Pass a message on to the owner."""
        try:
            self._owner.on_message(topic, payload, retained)
        except _UNUSABLE:  # the edge of the callback: whatever a stranger sends, the link goes on
            log.debug("mqtt: a message cannot be used", exc_info=True)
            self.ignored("a message that cannot be used")

    def ignored(self, why: str) -> None:
        """Count what came and is of no use; logged once per kind, since a stranger may have sent it."""
        self._memory.ignored += 1
        self._log_once(f"ignored, logged once: {why}")

    def _will(self) -> Message | None:
        return self._options.limits.fitted(self._owner.will) if self._owner.will else None

    def _is_overdue(self, opened_at: float) -> bool:
        """Return whether the broker has not responded for too long: no answer, or no acknowledgement."""
        now = time.monotonic()
        if not self._ending.answered:
            return now > opened_at + _ANSWER_S
        if self._outgoing is None or self._outgoing.oldest_s(now) <= _UNRESPONSIVE_S:
            return False
        detail = f"no message is acknowledged within {_UNRESPONSIVE_S:.0f} s"
        self._memory.unresponsive = LinkState.UNRESPONSIVE.because(detail)
        self._report_state()
        self._ending = replace(self._ending, lasted_s=now - self._accepted_at)
        return True

    def _turn(self, timeout_s: float) -> None:
        """Wait for the broker or for something to send, and serve both."""
        self._memory.queue.calm()
        self._connection.wait(self._memory.queue, timeout_s)
        if self._outgoing:
            self._outgoing.pump()
            self._report_state()
        self._connection.write()

    def _report_state(self) -> None:
        """Report how an accepted connection stands."""
        if self._connection.is_accepted:
            state = self._memory.unresponsive or self._memory.refusals.state or LinkState.ONLINE
            self._on_state(state, connected=True)

    def _log_once(self, words: str) -> None:
        if words not in self._memory.logged:
            self._memory.logged.add(words)
            log.warning("broker %s:%d: %s", self._broker.host, self._broker.port, words)

    def _send_last_word(self, last_word: Message | None) -> None:
        """Send the last word and wait for its acknowledgement; where none comes, the broker publishes our will."""
        deadline = time.monotonic() + _LAST_WORD_S
        if self._outgoing is None or last_word is None:
            return
        self._outgoing.finish(last_word)
        while self._connection.is_accepted and self._outgoing.is_sending:
            if time.monotonic() > deadline:
                self._connection.drop()
                return
            self._turn(0.1)

    def _close(self) -> None:
        """Disconnect as the protocol requires."""
        deadline = time.monotonic() + _DISCONNECT_S
        self._connection.leave()
        while self._connection.is_open and time.monotonic() < deadline:
            self._connection.write()
            self._connection.wait(self._memory.queue, 0.1)
