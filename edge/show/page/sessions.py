"""Who is let in: the sessions that the token opens, and the login throttle."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SESSIONS = 64
_ADDRESSES = 1_000
_MINUTE_S = 60.0


def normalised(token: str) -> str:
    """Return the letters and digits of a token, without case: a user may type it with spaces or capitals."""
    return "".join(c for c in token.casefold() if c.isalnum())


def tokens_match(typed: str, token: str) -> bool:
    """Return whether a typed token is the right one, in constant time."""
    return hmac.compare_digest(_hash(normalised(typed)), _hash(normalised(token)))


class Sessions:
    """Open sessions, stored as the hash of their random name; above the limit, the oldest session is closed."""

    def __init__(self, *, lasts_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start without a session; each session lasts `lasts_s`."""
        self._lasts_s = lasts_s
        self._monotonic = monotonic
        self._ends_at: OrderedDict[bytes, float] = OrderedDict()

    def open(self) -> str:
        """Open a session and return its name."""
        name = secrets.token_urlsafe(32)
        self._ends_at[_hash(name)] = self._monotonic() + self._lasts_s
        while len(self._ends_at) > _SESSIONS:
            self._ends_at.popitem(last=False)
        return name

    def is_open(self, name: str | None) -> bool:
        """Return whether a session is open."""
        return name is not None and self._ends_at.get(_hash(name), float("-inf")) > self._monotonic()

    def close(self, name: str | None) -> None:
        """Close a session."""
        if name is not None:
            self._ends_at.pop(_hash(name), None)


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()


class LoginThrottle:
    """Counts wrong tokens by address over the last minute; above a limit of addresses, the oldest is dropped."""

    def __init__(self, *, limit: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Allow `limit` wrong tokens per minute and address."""
        self._limit = limit
        self._monotonic = monotonic
        self._failed_at: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return how long an address must wait before its next attempt, 0 where it need not wait."""
        failed_at = self._failed_at.get(address, deque())
        if len(failed_at) < self._limit:
            return 0.0
        return max(0.0, failed_at[0] + _MINUTE_S - self._monotonic())

    def failed(self, address: str) -> None:
        """Count a wrong token."""
        self._failed_at.setdefault(address, deque(maxlen=self._limit)).append(self._monotonic())
        self._failed_at.move_to_end(address)
        while len(self._failed_at) > _ADDRESSES:
            self._failed_at.popitem(last=False)
