"""Times alerts from the decision to the acknowledgement of the broker, for the metrics."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 1_000
"""Alerts that are timed at once; during a long outage, the oldest are no longer."""


class DeliveryTimes:
    """Takes each alert when it is decided and when it is acknowledged; safe on any thread.

    observe: takes the seconds in between; None: nothing is timed.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start without alerts."""
        self.observe: Callable[[float], None] | None = None
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._decided_at: dict[str, float] = {}

    def begin(self, key: str, decided_at: float) -> None:
        """Note when an alert was decided on, s on this process's monotonic clock."""
        if self.observe is None:
            return
        with self._lock:
            self._decided_at[key] = decided_at
            if len(self._decided_at) > _MOST:
                del self._decided_at[next(iter(self._decided_at))]

    def end(self, key: str) -> None:
        """Note that an alert is acknowledged; one that is sent again after a reconnect counts once."""
        with self._lock:
            decided_at = self._decided_at.pop(key, None)
        if decided_at is not None and self.observe:
            self.observe(self._monotonic() - decided_at)
