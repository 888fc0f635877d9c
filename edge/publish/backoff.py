"""What keeps a connection from being made, in words that name the cause, and how long to wait for each."""

from __future__ import annotations

import os
import random
import socket
import ssl
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.publish.limits import Limits

if TYPE_CHECKING:
    from edge.publish.broker import Broker

_FOR_PEOPLE = ("refused", "tls", "taken over")
"""States that no waiting mends: tried again slowly."""


_THROWN_OUT = 3
"""Connections in a row that were taken and soon cut for no reason, after which another client is thought to have our
id: not every broker says so (mosquitto 2.0.11 does not)."""
_SETTLED_S = 30.0
"""A connection that lasted for less counts as failed, so that two clients with one id do not fight fast."""
_UNSUPPORTED_PROTOCOL = {1, 132}
"""CONNACK codes for a protocol version that the broker does not speak. Source: MQTT 3.1.1, 3.2.2.3; MQTT 5, 3.2.2.2."""
_TAKEN_OVER = 142
_RETAIN_NOT_SUPPORTED, _QOS_NOT_SUPPORTED = 154, 155
_NOT_OF_A_MESSAGE = {0, 137, 139, 141, 142, 152, 156, 157, 160}
"""Codes of a DISCONNECT that no message of ours brought about: normal, busy, shutting down, keep alive, taken over,
administrative, use another, moved, connect time. Source: MQTT 5, 3.14.2.1."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a broker did something: a reason code of MQTT 5, those of 3.1.1 translated, and its words."""

    value: int
    words: str

    @property
    def failed(self) -> bool:
        """Whether it refuses. Source: MQTT 5, 2.4."""
        return self.value >= 128

    @property
    def of_the_protocol(self) -> bool:
        """Whether another version of MQTT is asked for."""
        return self.value in _UNSUPPORTED_PROTOCOL

    def of_the_will(self, limits: Limits) -> bool:
        """Whether our last will is refused for what `limits` let it ask for: the next one asks for less."""
        asked = {_RETAIN_NOT_SUPPORTED: limits.retain, _QOS_NOT_SUPPORTED: limits.qos > 0}
        return asked.get(self.value, False)

    @property
    def taken_over(self) -> bool:
        """Whether another client came with our id."""
        return self.value == _TAKEN_OVER

    @property
    def of_a_message(self) -> bool:
        """Whether what we sent can have ended the connection, and not something else."""
        return self.value not in _NOT_OF_A_MESSAGE


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt to connect ended: how far it came, and what ended it.

    lasted_s: seconds since the broker took us; 0 where it did not.  opened, answered: the broker took the connection,
    and answered CONNECT.  reason, granted: what it answered.  cut: another client may have our id: the broker says so,
    or ended it for no reason that we know of, with nothing on its way that could be one.
    """

    lasted_s: float = 0.0
    opened: bool = False
    answered: bool = False
    reason: Reason | None = None
    granted: Limits | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Speech:
    """How CONNECT is put: the version of MQTT, and what its last will may ask for."""

    mqtt5: bool
    limits: Limits = field(default_factory=Limits)


_SPEECHES = (
    Speech(mqtt5=True),
    Speech(mqtt5=False),
    Speech(mqtt5=False, limits=Limits(retain=False)),
    Speech(mqtt5=False, limits=Limits(retain=False, qos=0)),
)
"""Tried in turn on a broker that never answered: one that knows 3.1.1 only may stay mute on 5, or on its own limits."""


class Attempts:
    """Counts attempts to connect: how to speak next, how long to wait before, and what to complain of."""

    def __init__(self, broker: Broker) -> None:
        """Start with no attempt."""
        self._broker, self._failures, self._short, self._ever_answered = broker, 0, 0, False
        self._at_once = self._hunting = False
        self._speeches = _SPEECHES if broker.mqtt5 else _SPEECHES[1:]
        self.speech = self._speeches[0]
        self.complaint = ""

    def count(self, ending: Ending, *, hunting: bool = False) -> None:
        """Count an attempt that ended; `hunting`: what we sent is suspected to have ended it."""
        settled = ending.lasted_s > _SETTLED_S
        self._failures = 0 if settled else self._failures + 1
        self._short = 0 if settled or not ending.granted else self._short + ending.cut
        self._hunting = hunting
        self._ever_answered |= ending.answered
        mute = ending.opened and not ending.answered
        # one that has spoken to us has another reason to be mute
        self._at_once = self._learn(ending) or (mute and self.speech.mqtt5 and not self._ever_answered)
        if mute and not self._ever_answered:
            self.speech = self._speeches[(self._speeches.index(self.speech) + 1) % len(self._speeches)]
        self.complaint = self._complaint(mute=mute and not self._at_once)

    @property
    def thrown_out(self) -> bool:
        """Whether connections end again and again soon after they were answered."""
        return self._short >= _THROWN_OUT and not self._hunting

    @property
    def just_thrown_out(self) -> bool:
        """Whether that has shown now."""
        return self._short == _THROWN_OUT

    def pause_s(self, state: str) -> float:
        """Return how long to wait, with jitter: doubling for weather, longest at once for what only people can mend.

        Shortest while the message is being found that ends the connection, which takes a few in a row.
        """
        if self._at_once:
            return 0.0
        slow = state.startswith(_FOR_PEOPLE) and self._failures
        steps = 16 if slow else 0 if self._hunting else min(self._failures, 16)
        longest_s = min(self._broker.retry_max_s, self._broker.retry_min_s * 2**steps)
        return random.uniform(longest_s / 2, longest_s)  # noqa: S311 - jitter, not cryptography

    def _learn(self, ending: Ending) -> bool:
        """Ask in the last will for what the broker grants; return whether it refused the will and may take it now."""
        code = ending.reason.value if ending.reason else 0
        before, limits = self.speech, self.speech.limits
        if ending.granted and self.speech.mqtt5:
            limits = Limits(retain=ending.granted.retain, qos=ending.granted.qos)
        elif code == _RETAIN_NOT_SUPPORTED:
            limits = replace(limits, retain=False)
        elif code == _QOS_NOT_SUPPORTED:
            limits = replace(limits, qos=0)
        self.speech = replace(before, limits=limits)
        return ending.granted is None and before != self.speech

    def _complaint(self, *, mute: bool) -> str:
        if self.thrown_out:
            return f"taken over: does another client have the id {self._broker.client_id}?"
        if mute and self._broker.tls:
            return "tls: the broker ends the connection without an answer; does it want a certificate of ours?"
        return "mute: takes the connection and does not answer" if mute else ""


def why(error: Exception) -> str:
    """Return what keeps a connection from being made, in words that name the cause."""
    if isinstance(error, ConfigError):
        return f"tls: {error}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: the broker's certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return "unknown host name"
    if isinstance(error, OSError) and error.errno:
        return f"unreachable: {os.strerror(error.errno)}"
    return f"unreachable: {error}"
