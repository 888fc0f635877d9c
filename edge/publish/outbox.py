"""Alerts that wait until the broker has them for certain."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.publish.message import AlertMessage

_KEPT_S = 600.0
"""An acknowledged alert is sent again after a reconnect within this time: a killed broker loses what it took."""


@dataclass(slots=True)
class _Entry:
    alert: AlertMessage
    acknowledged_at: float | None = None


class Outbox:
    """Keeps alerts in memory until they are acknowledged, and ten minutes more."""

    def __init__(self, *, limit: int, monotonic: Callable[[], float]) -> None:
        """Keep at most `limit` alerts; the oldest go first."""
        self._limit, self._monotonic = limit, monotonic
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self.dropped = 0

    def add(self, alert: AlertMessage) -> None:
        """Keep an alert."""
        with self._lock:
            self._forget_settled()
            self._entries[alert.key] = _Entry(alert)
            while len(self._entries) > self._limit:
                oldest = self._entries.pop(next(iter(self._entries)))
                self.dropped += oldest.acknowledged_at is None

    def acknowledge(self, key: str) -> None:
        """Note that the broker took an alert over."""
        with self._lock:
            if key in self._entries:
                self._entries[key].acknowledged_at = self._monotonic()

    def unsettled(self) -> list[AlertMessage]:
        """Return what a new connection must send, oldest first."""
        with self._lock:
            self._forget_settled()
            return [entry.alert for entry in self._entries.values()]

    @property
    def waiting(self) -> int:
        """Alerts that no broker has acknowledged yet."""
        with self._lock:
            return sum(entry.acknowledged_at is None for entry in self._entries.values())

    def _forget_settled(self) -> None:
        oldest = self._monotonic() - _KEPT_S
        settled = [k for k, e in self._entries.items() if e.acknowledged_at is not None and e.acknowledged_at < oldest]
        for key in settled:
            del self._entries[key]
