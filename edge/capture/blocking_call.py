"""Calls that may never return, timed so that another thread can detect it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_R = TypeVar("_R")


class BlockingCalls:
    """The calls of one thread into a camera or a file, one at a time."""

    def __init__(self) -> None:
        """Start without a call."""
        self._began_at: float | None = None

    def timed(self, call: Callable[[], _R]) -> _R:
        """Make a call and record when it began."""
        self._began_at = time.monotonic()
        try:
            return call()
        finally:
            self._began_at = None

    def blocked_s(self, now: float) -> float:
        """Return how long the current call has been running at `now`, s; 0 without one."""
        began_at = self._began_at
        return 0.0 if began_at is None else now - began_at
