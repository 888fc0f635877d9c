"""What keeps a connection from being made, in words that name the cause, and how long to wait for each."""

from __future__ import annotations

import os
import random
import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.publish.broker import Broker

_FOR_PEOPLE = ("refused", "tls", "taken over")
"""States that no waiting mends: tried again slowly."""


_THROWN_OUT = 3
"""Connections in a row that were answered and soon ended, after which another client is thought to have our id: not
every broker says so (mosquitto 2.0.11 does not)."""
_SETTLED_S = 30.0
"""A connection that lasted for less counts as failed, so that two clients with one id do not fight fast."""


class Attempts:
    """Counts attempts to connect: which protocol to speak next, how long to wait before, and what to complain of."""

    def __init__(self, broker: Broker) -> None:
        """Start with no attempt."""
        self._broker, self._failures, self._short, self._ever_answered = broker, 0, 0, False
        self._at_once = False
        self.mqtt5 = broker.mqtt5
        self.complaint = ""

    def count(self, lasted_s: float, *, taken: bool, answered: bool) -> None:
        """Count an attempt that ended; `taken`: the broker took the connection, `answered`: and CONNECT too."""
        settled = lasted_s > _SETTLED_S
        self._failures = 0 if settled else self._failures + 1
        self._short = 0 if settled or not answered else self._short + 1
        self._ever_answered |= answered
        mute = taken and not answered
        # a broker that knows 3.1.1 only may stay mute on 5; one that has spoken to us has another reason
        self._at_once = mute and self.mqtt5 and not self._ever_answered
        if mute and not self._ever_answered:
            self.mqtt5 = not self.mqtt5
        self.complaint = self._complaint(mute=mute and not self._at_once)

    @property
    def thrown_out(self) -> bool:
        """Whether connections end again and again soon after they were answered."""
        return self._short >= _THROWN_OUT

    def pause_s(self, state: str) -> float:
        """Return how long to wait, with jitter: doubling for weather, longest at once for what only people can mend."""
        if self._at_once:
            return 0.0
        steps = 16 if state.startswith(_FOR_PEOPLE) else min(self._failures, 16)
        longest_s = min(self._broker.retry_max_s, self._broker.retry_min_s * 2**steps)
        return random.uniform(longest_s / 2, longest_s)  # noqa: S311 - jitter, not cryptography

    def _complaint(self, *, mute: bool) -> str:
        if self.thrown_out:
            return f"taken over: does another client have the id {self._broker.client_id}?"
        if mute and self._broker.tls:
            return "tls: the broker ends the connection without an answer; does it want a certificate of ours?"
        return "mute: takes the connection and does not answer" if mute else ""


def why(error: Exception) -> str:
    """Return what keeps a connection from being made, in words that name the cause."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: the broker's certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return "unknown host name"
    if isinstance(error, OSError) and error.errno:
        return f"unreachable: {os.strerror(error.errno)}"
    return f"unreachable: {error}"
