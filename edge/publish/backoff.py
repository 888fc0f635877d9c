"""The retry policy of the link: how to connect next, how long to wait before, and what keeps failing."""

from __future__ import annotations

import os
import random
import socket
import ssl
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.publish.limits import Limits
from edge.publish.link_state import LinkState

if TYPE_CHECKING:
    from edge.publish.broker import Broker

_NEEDS_ATTENTION = (LinkState.REFUSED, LinkState.TLS, LinkState.TAKEN_OVER)
"""States that no waiting fixes: tried again slowly."""
_FLAPPING = 3
"""Connections in a row that the broker accepted and soon ended without a reason, after which another client is thought
to have our id: not every broker names that reason (mosquitto 2.0.11 does not)."""
_SETTLED_S = 30.0
"""A connection that lasted for less counts as failed, so that two clients with one id do not reconnect fast."""
_MAX_STEPS = 16
_UNSUPPORTED_PROTOCOL = {1, 132}
"""CONNACK codes for a protocol version that the broker does not speak. Source: MQTT 3.1.1, 3.2.2.3; MQTT 5, 3.2.2.2."""
_TAKEN_OVER = 142
_RETAIN_NOT_SUPPORTED = 154
_QOS_NOT_SUPPORTED = 155
_NOT_OF_A_MESSAGE = {0, 137, 139, 141, 142, 152, 156, 157, 160}
"""Codes of a DISCONNECT that no message of ours caused: normal, busy, shutting down, keep alive, session taken over,
administrative, use another, moved, connect time. Source: MQTT 5, 3.14.2.1."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a broker did something: a reason code of MQTT 5, to which those of 3.1.1 are translated, and its words."""

    value: int
    words: str

    @property
    def failed(self) -> bool:
        """Whether it is a refusal. Source: MQTT 5, 2.4."""
        return self.value >= 128

    @property
    def of_the_protocol(self) -> bool:
        """Whether the broker asks for another version of MQTT."""
        return self.value in _UNSUPPORTED_PROTOCOL

    def of_the_will(self, limits: Limits) -> bool:
        """Return whether our last will is refused for what `limits` let it ask for: the next one asks for less."""
        asked = {_RETAIN_NOT_SUPPORTED: limits.retain, _QOS_NOT_SUPPORTED: limits.qos > 0}
        return asked.get(self.value, False)

    @property
    def taken_over(self) -> bool:
        """Whether another client has connected with our id."""
        return self.value == _TAKEN_OVER

    @property
    def of_a_message(self) -> bool:
        """Whether a message of ours can have ended the connection."""
        return self.value not in _NOT_OF_A_MESSAGE


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt to connect ended.

    lasted_s: seconds since the broker accepted us; 0 where it did not.
    opened, answered: the broker accepted the TCP connection, and answered CONNECT.
    reason, granted: what it answered.
    contested: another client may have our id: the broker reports it, or it ended the connection for no reason that we
        know of, with nothing on its way that could be one.
    """

    lasted_s: float = 0.0
    opened: bool = False
    answered: bool = False
    reason: Reason | None = None
    granted: Limits | None = None
    contested: bool = False


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """What CONNECT asks for: the version of MQTT, and the limits within which the last will stays."""

    mqtt5: bool
    limits: Limits = field(default_factory=Limits)


_FALLBACKS = (
    ConnectOptions(mqtt5=True),
    ConnectOptions(mqtt5=False),
    ConnectOptions(mqtt5=False, limits=Limits(retain=False)),
    ConnectOptions(mqtt5=False, limits=Limits(retain=False, qos=0)),
)
"""Tried in turn on a broker that never answered: one that knows 3.1.1 only may not answer MQTT 5, or a will beyond its
limits."""


class Backoff:
    """Counts attempts to connect, and decides about the next one.

    options: what the next CONNECT asks for.  problem: the state that the attempts show together, empty where they show
    none.
    """

    def __init__(self, broker: Broker) -> None:
        """Start with no attempt."""
        self._broker = broker
        self._failures = 0
        self._contested = 0
        self._ever_answered = False
        self._retry_at_once = False
        self._is_isolating = False
        self._fallbacks = _FALLBACKS if broker.mqtt5 else _FALLBACKS[1:]
        self.options = self._fallbacks[0]
        self.problem = ""

    def count(self, ending: Ending, *, isolating: bool = False) -> None:
        """Count an attempt that ended; `isolating`: a message of ours is suspected to have ended it."""
        settled = ending.lasted_s > _SETTLED_S
        self._failures = 0 if settled else self._failures + 1
        self._contested = 0 if settled or not ending.granted else self._contested + ending.contested
        self._is_isolating = isolating
        self._ever_answered |= ending.answered
        unanswered = ending.opened and not ending.answered
        # a broker that has answered before has another reason not to answer
        self._retry_at_once = self._learn(ending) or (unanswered and self.options.mqtt5 and not self._ever_answered)
        if unanswered and not self._ever_answered:
            self.options = self._fallbacks[(self._fallbacks.index(self.options) + 1) % len(self._fallbacks)]
        self.problem = self._problem(unanswered=unanswered and not self._retry_at_once)

    @property
    def is_flapping(self) -> bool:
        """Whether connections end again and again soon after they were accepted."""
        return self._contested >= _FLAPPING and not self._is_isolating

    @property
    def began_flapping(self) -> bool:
        """Whether the last attempt is the one that shows it."""
        return self._contested == _FLAPPING

    def pause_s(self, state: str) -> float:
        """Return how long to wait, with jitter: doubling for a transient error, longest for what needs attention.

        Shortest while the message is being isolated that ends the connection, which takes a few attempts.
        """
        if self._retry_at_once:
            return 0.0
        slow = state.startswith(_NEEDS_ATTENTION) and self._failures
        steps = _MAX_STEPS if slow else 0 if self._is_isolating else min(self._failures, _MAX_STEPS)
        longest_s = min(self._broker.retry_max_s, self._broker.retry_min_s * 2**steps)
        return random.uniform(longest_s / 2, longest_s)  # noqa: S311 - jitter, not cryptography

    def _learn(self, ending: Ending) -> bool:
        """Let the last will ask for what the broker grants; return whether it refused one that it may accept now."""
        code = ending.reason.value if ending.reason else 0
        before, limits = self.options, self.options.limits
        if ending.granted and self.options.mqtt5:
            limits = Limits(retain=ending.granted.retain, qos=ending.granted.qos)
        elif code == _RETAIN_NOT_SUPPORTED:
            limits = replace(limits, retain=False)
        elif code == _QOS_NOT_SUPPORTED:
            limits = replace(limits, qos=0)
        self.options = replace(before, limits=limits)
        return ending.granted is None and before != self.options

    def _problem(self, *, unanswered: bool) -> str:
        if self.is_flapping:
            return LinkState.TAKEN_OVER.because(f"does another client have the id {self._broker.client_id}?")
        if unanswered and self._broker.tls:
            return LinkState.TLS.because(
                "the broker ends the connection without an answer; does it require a client certificate?"
            )
        return LinkState.UNANSWERED.because("accepts the connection and does not answer") if unanswered else ""


def state_of(error: Exception) -> str:
    """Return the state that an error on connecting leads to, with its cause."""
    if isinstance(error, ConfigError):
        return LinkState.TLS.because(str(error))
    if isinstance(error, ssl.SSLCertVerificationError):
        return LinkState.TLS.because(f"the broker's certificate is refused: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return LinkState.TLS.because(str(error.reason or error))
    if isinstance(error, socket.gaierror):
        return LinkState.UNKNOWN_HOST
    if isinstance(error, OSError) and error.errno:
        return LinkState.UNREACHABLE.because(os.strerror(error.errno))
    return LinkState.UNREACHABLE.because(str(error))
