"""Calls that may never return, timed so that another thread can tell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_R = TypeVar("_R")


class BlockingCalls:
    """The calls that one thread makes into a camera or a file, one at a time."""

    def __init__(self) -> None:
        """Start with none."""
        self._began_at: float | None = None

    def timed(self, call: Callable[[], _R]) -> _R:
        """Make a call with its beginning on record."""
        self._began_at = time.monotonic()
        try:
            return call()
        finally:
            self._began_at = None

    def blocked_s(self, now: float) -> float:
        """Return for how long a call has not returned at `now`, s; 0 where none is being made."""
        began_at = self._began_at
        return 0.0 if began_at is None else now - began_at
