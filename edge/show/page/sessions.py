"""Who is let in: the device's token, the sessions that it opens, and patience with those who guess."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from edge import secret
from edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""None that looks like another: a token is typed into a phone at a bus stop."""
_GROUPS, _GROUP = 5, 4
"""20 letters of 31 are 99 bits; at `wrong_tries` a minute nobody gets anywhere."""
_SHORTEST = 12
_SESSIONS = 64
_ADDRESSES = 1_000
_MINUTE_S = 60.0


def token_of(path: Path) -> str:
    """Return the token in a file, which is made where there is none.

    Raises:
        ConfigError: the file cannot be read or made, everybody may read it, or what it holds is no token.
    """
    try:
        if not path.exists():
            _write_new(path, "-".join("".join(map(secrets.choice, [_LETTERS] * _GROUP)) for _ in range(_GROUPS)))
    except PermissionError as error:
        raise ConfigError(f"web.token_file: {path}: cannot be read by this user; fix: ask again with sudo") from error
    except OSError as error:
        raise ConfigError(f"web.token_file: {path}: cannot be made: {error.strerror}") from error
    token = secret.read("web.token_file", path)
    if len(plain(token)) < _SHORTEST:
        raise ConfigError(f"web.token_file: {path}: holds no token of {_SHORTEST} letters or more; mend: rm {path}")
    return token


def _write_new(path: Path, token: str) -> None:
    """Write a file that is whole or absent whenever the power goes, and readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{token}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


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


class Tries:
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
