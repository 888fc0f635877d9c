"""Who is let in: the sessions that the device's token opens, and patience with those who guess."""

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


def plain(token: str) -> str:
    """Return a token without what people add or change when they type it."""
    return "".join(c for c in token.casefold() if c.isalnum())


def same(typed: str, token: str) -> bool:
    """Return whether a typed token is the right one, in the same time wherever they differ."""
    return hmac.compare_digest(_hashed(plain(typed)), _hashed(plain(token)))


class Sessions:
    """Sessions by their random name, of which only the hash is kept; the oldest of too many ends."""

    def __init__(self, *, lasts_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start with nobody let in."""
        self._lasts_s, self._monotonic = lasts_s, monotonic
        self._ends_at: OrderedDict[bytes, float] = OrderedDict()

    def open(self) -> str:
        """Return the name of a new session."""
        name = secrets.token_urlsafe(32)
        self._ends_at[_hashed(name)] = self._monotonic() + self._lasts_s
        while len(self._ends_at) > _SESSIONS:
            self._ends_at.popitem(last=False)
        return name

    def known(self, name: str | None) -> bool:
        """Return whether a session is open."""
        return name is not None and self._ends_at.get(_hashed(name), float("-inf")) > self._monotonic()

    def close(self, name: str | None) -> None:
        """End a session."""
        if name is not None:
            self._ends_at.pop(_hashed(name), None)


def _hashed(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()


class LoginThrottle:
    """Wrong tokens by the address that they came from, within the last minute; the longest silent are forgotten."""

    def __init__(self, *, limit: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Allow `limit` wrong tokens a minute."""
        self._limit, self._monotonic = limit, monotonic
        self._failed_at: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return how long an address must wait before it may try, 0 where it may now."""
        failed_at = self._failed_at.get(address, deque())
        if len(failed_at) < self._limit:
            return 0.0
        return max(0.0, failed_at[0] + _MINUTE_S - self._monotonic())

    def failed(self, address: str) -> None:
        """Note a wrong token."""
        self._failed_at.setdefault(address, deque(maxlen=self._limit)).append(self._monotonic())
        self._failed_at.move_to_end(address)
        while len(self._failed_at) > _ADDRESSES:
            self._failed_at.popitem(last=False)
