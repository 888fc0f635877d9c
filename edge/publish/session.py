"""One connection from its opening to its end."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from edge.publish.backoff import Ending, why
from edge.publish.client import Connection
from edge.publish.outgoing import Outgoing

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from edge.publish.backoff import Reason, Speech
    from edge.publish.broker import Broker
    from edge.publish.duties import Duties, Known
    from edge.publish.limits import Limits
    from edge.publish.message import Message

log = logging.getLogger(__name__)

ONLINE = "online"
_ACKNOWLEDGE_S = 2.0
"""How long the last word, `offline`, may take to be acknowledged when the link is closed."""
_UNRESPONSIVE_S = 30.0
"""How long any message may wait for its acknowledgement before the connection is given up."""
_DISCONNECT_S = 0.5
_ANSWER_S = 3.0
"""How long a broker may take to answer CONNECT; one that knows 3.1.1 only may stay mute on MQTT 5."""
_TICK_S = 1.0
_UNUSABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)
"""What a payload that a stranger wrote makes a reader raise; deep nesting is a RecursionError, so a RuntimeError."""
_LOST = 128
"""Unspecified error: what the end of a connection is called that nobody gave a reason for."""


class Tell(Protocol):
    """Takes a state."""

    def __call__(self, state: str, *, connected: bool) -> None:
        """Take it; `connected`: the broker has taken us."""


class Session:
    """Lives once, on the link's thread."""

    def __init__(self, broker: Broker, speech: Speech, duties: Duties, known: Known, tell: Tell) -> None:
        """Prepare; nothing is opened before `live`.

        tell: given every state that the connection comes into.
        """
        self._broker, self._speech, self._duties, self._known, self._tell = broker, speech, duties, known, tell
        self._outgoing: Outgoing | None = None
        self._accepted_at = 0.0
        self._leaving = False
        self._ending = Ending()

    def live(self, stop: threading.Event, last_word: Callable[[], Message | None]) -> Ending:
        """Open, serve until the connection ends or `stop` is set, and take leave; return how it ended."""
        try:
            self._connection = Connection(self._broker, self._will(), self, mqtt5=self._speech.mqtt5)
            self._connection.open()
        except (OSError, ValueError) as error:
            self._tell(why(error), connected=False)
            return self._ending
        opened_at = time.monotonic()
        self._ending = Ending(opened=True)
        while self._connection.is_open and not stop.is_set() and not self._is_overdue(opened_at):
            self._turn(_TICK_S)
        self._leaving = True
        if stop.is_set():
            self._take_leave(last_word())
        self._close()
        return self._ending

    def connected(self, reason: Reason, granted: Limits) -> None:
        """Subscribe and greet, within what is granted."""
        if reason.of_the_protocol and self._speech.mqtt5:
            return
        if reason.failed:
            self._ending = replace(self._ending, answered=True, reason=reason)
            if not reason.of_the_will(self._speech.limits):
                self._tell(f"refused: {reason.words}", connected=False)
            return
        self._ending = replace(self._ending, answered=True, granted=granted)
        self._accepted_at = time.monotonic()
        limits = self._known.limits = granted if self._speech.mqtt5 else self._speech.limits
        for remark in limits.remarks:
            self._tell_once(f"the broker {remark}")
        self._outgoing = Outgoing(self._connection, self._duties, self._known, limits, mqtt5=self._speech.mqtt5)
        self._outgoing.subscribe()
        self._tell_standing()

    def ended(self, reason: Reason, *, announced: bool) -> None:
        """Find out what ended the connection, unless we did."""
        if self._leaving or self._outgoing is None:
            return
        now, on_their_way = time.monotonic(), self._outgoing.on_their_way
        explained = not reason.of_a_message or self._known.suspects.cut(on_their_way, now)
        unexplained = not announced and reason.value == _LOST and not explained
        self._ending = replace(self._ending, lasted_s=now - self._accepted_at, cut=reason.taken_over or unexplained)
        lost = "taken over: another client has our id" if reason.taken_over else f"lost: {reason.words}"
        self._tell(lost, connected=False)

    def acknowledged(self, mid: int, reason: Reason) -> None:
        """Note what the broker did with a message."""
        if self._outgoing:
            self._outgoing.acknowledged(mid, reason)

    def subscribed(self, mid: int, reason: Reason) -> None:
        """Note whether a subscription was granted."""
        if self._outgoing:
            self._outgoing.subscribed(mid, reason)

    def received(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - as the link calls it
        """Hand a message to the owner."""
        try:
            self._duties.on_message(topic, payload, retained)
        except _UNUSABLE:  # the edge of the callback: whatever a stranger sends, the link goes on
            log.debug("mqtt: a message cannot be used", exc_info=True)
            self.ignored("a message that cannot be used")

    def ignored(self, why: str) -> None:
        """Count what came and is of no use; told once a kind, for a stranger wrote it."""
        self._known.ignored += 1
        self._tell_once(f"ignored, told once: {why}")

    def _will(self) -> Message | None:
        return self._speech.limits.fitted(self._duties.will) if self._duties.will else None

    def _is_overdue(self, opened_at: float) -> bool:
        """Return whether the broker has let us wait for too long: for its answer, or for an acknowledgement."""
        now = time.monotonic()
        if not self._ending.answered:
            return now > opened_at + _ANSWER_S
        if self._outgoing is None or self._outgoing.oldest_s(now) <= _UNRESPONSIVE_S:
            return False
        self._known.standing = f"unresponsive: it acknowledges nothing, for {_UNRESPONSIVE_S:.0f} s and more"
        self._tell_standing()
        self._ending = replace(self._ending, lasted_s=now - self._accepted_at)
        return True

    def _turn(self, timeout_s: float) -> None:
        """Wait for the broker or for something to send, and serve both."""
        self._known.waiting.calm()
        self._connection.wait(self._known.waiting, timeout_s)
        if self._outgoing:
            self._outgoing.pump()
            self._tell_standing()
        self._connection.write()

    def _tell_standing(self) -> None:
        """Tell how a connection stands, while it does."""
        if self._connection.is_accepted:
            self._tell(self._known.standing or self._known.refusals.state or ONLINE, connected=True)

    def _tell_once(self, words: str) -> None:
        if words not in self._known.told:
            self._known.told.add(words)
            log.warning("broker %s:%d: %s", self._broker.host, self._broker.port, words)

    def _take_leave(self, last_word: Message | None) -> None:
        """Send the last word and wait for its acknowledgement; where none comes, the broker has our will."""
        deadline = time.monotonic() + _ACKNOWLEDGE_S
        if self._outgoing is None or last_word is None:
            return
        self._outgoing.finish(last_word)
        while self._connection.is_accepted and self._outgoing.is_sending:
            if time.monotonic() > deadline:
                self._connection.drop()
                return
            self._turn(0.1)

    def _close(self) -> None:
        """Disconnect as the protocol has it."""
        deadline = time.monotonic() + _DISCONNECT_S
        self._connection.leave()
        while self._connection.is_open and time.monotonic() < deadline:
            self._connection.write()
            self._connection.wait(self._known.waiting, 0.1)
