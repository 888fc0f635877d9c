"""Alerts that wait until the broker has them for certain: on disk before they are sent, in memory where no disk is.

The walk only queues. A thread of the outbox's own commits, then hands over to the link, so that a slow card holds up
nothing but the card.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.health import check_alive
from edge.publish.journal import Changes, Journal
from edge.publish.message import left_open

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.publish.message import AlertMessage

log = logging.getLogger(__name__)

_KEPT_S = 600.0
"""An acknowledged alert is sent again after a reconnect within this time: a killed broker loses what it took."""
_TICK_S = 1.0
_RETRY_DISK_S = 30.0
_FLUSH_S = 5.0
"""Longest time that acknowledgements wait for a transaction; losing one only means that an alert is sent again."""
_MAX_QUEUED = 10_000
_JOIN_S = 2.0
_DISK_TROUBLE = (sqlite3.Error, OSError, UnicodeDecodeError)
"""sqlite3 raises the last where even the words of its own error lie in a damaged file."""


@dataclass(slots=True)
class _Entry:
    alert: AlertMessage
    acknowledged_at: float | None = None


class Outbox:
    """Keeps alerts until they are acknowledged, and ten minutes more; `state` says where."""

    def __init__(self, path: Path | None, *, limit: int, monotonic: Callable[[], float]) -> None:
        """Keep at most `limit` alerts in the file at `path`, or in memory alone where it is None."""
        self._path, self._limit, self._monotonic = path, limit, monotonic
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self._queued: queue.Queue[AlertMessage | str | threading.Event] = queue.Queue(_MAX_QUEUED)
        self._deliver: Callable[[AlertMessage], None] = lambda _alert: None
        self._ended: Callable[[AlertMessage], AlertMessage] = lambda alert: alert
        self._loaded, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._journal: Journal | None = None
        self._unwritten = Changes()
        self._flushed_at = self._tried_disk_at = float("-inf")
        self.dropped = 0
        self.state = "memory" if path is None else "opening"

    def start(self, deliver: Callable[[AlertMessage], None], ended: Callable[[AlertMessage], AlertMessage]) -> None:
        """Begin, and wait a little for the file, so that the first connection hears what an earlier run left in it.

        deliver: takes each alert once it is committed.  ended: makes the end of an episode from the newest alert of it
        that an earlier run left open; it is added.  Both run on the outbox's thread, whenever the card answers.
        """
        self._deliver, self._ended = deliver, ended
        self._thread.start()
        self._loaded.wait(_JOIN_S)

    def add(self, alert: AlertMessage) -> None:
        """Take an alert and return at once; counted in `dropped` when ten thousand wait already."""
        try:
            self._queued.put_nowait(alert)
        except queue.Full:
            self.dropped += 1

    def check(self) -> None:
        """Raise ThreadStuck when the thread has ended though nobody closed it: alerts would go nowhere."""
        check_alive(self._thread, self._stop)

    def acknowledge(self, key: str) -> None:
        """Note that the broker took an alert over; returns at once."""
        try:
            self._queued.put_nowait(key)
        except queue.Full:  # it will be sent again, and acknowledged again
            return

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was added is committed and handed over; return whether it is."""
        done = threading.Event()
        try:
            self._queued.put(done, timeout=timeout_s)
        except queue.Full:
            return False
        return done.wait(timeout_s)

    def unsettled(self) -> list[AlertMessage]:
        """Return what a new connection must send, oldest first."""
        with self._lock:
            oldest = self._monotonic() - _KEPT_S
            return [e.alert for e in self._entries.values() if e.acknowledged_at is None or e.acknowledged_at > oldest]

    @property
    def waiting(self) -> int:
        """Alerts that no broker has acknowledged yet."""
        with self._lock:
            return sum(entry.acknowledged_at is None for entry in self._entries.values())

    def waits(self, key: str) -> bool:
        """Return whether an alert was committed that no broker has acknowledged yet."""
        with self._lock:
            return key in self._entries and self._entries[key].acknowledged_at is None

    def close(self) -> None:
        """Write what is left and stop the thread within its deadline."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                log.warning("outbox: the disk does not answer; left to the end of the process")

    def _run(self) -> None:
        self._try_disk()
        self._loaded.set()
        while not (self._stop.is_set() and self._queued.empty()):
            alerts, keys, waiters = self._next_batch()
            self._take(alerts, keys)
            for alert in alerts:
                self._deliver(alert)
            for waiter in waiters:
                waiter.set()
        self._flushed_at = float("-inf")
        self._write()
        if self._journal:
            self._journal.close()

    def _next_batch(self) -> tuple[list[AlertMessage], list[str], list[threading.Event]]:
        """Return all that is queued, after waiting a tick for the first."""
        batch: list[AlertMessage | str | threading.Event] = []
        try:
            batch.append(self._queued.get(timeout=0.05 if self._stop.is_set() else _TICK_S))
            while True:
                batch.append(self._queued.get_nowait())
        except queue.Empty:
            alerts = [b for b in batch if not isinstance(b, str | threading.Event)]
            return (
                alerts,
                [b for b in batch if isinstance(b, str)],
                [b for b in batch if isinstance(b, threading.Event)],
            )

    def _take(self, alerts: list[AlertMessage], keys: list[str]) -> None:
        """Commit a batch, then make it known to new connections."""
        self._unwritten.added += alerts
        self._unwritten.acknowledged += keys
        now = self._monotonic()
        self._write()
        with self._lock:
            for alert in alerts:
                self._entries.setdefault(alert.key, _Entry(alert))
            for key in keys:
                if key in self._entries:
                    self._entries[key].acknowledged_at = now
            self._unwritten.forgotten += self._forget(now)

    def _write(self) -> None:
        """Write what must be on disk now, and what has waited long enough; keep it for later where the disk fails."""
        now = self._monotonic()
        if self._journal is None:
            if self._path and now - self._tried_disk_at >= _RETRY_DISK_S:
                self._try_disk()
            self._unwritten = Changes()
        elif self._unwritten.added or (self._unwritten and now - self._flushed_at >= _FLUSH_S):
            try:
                self._journal.write(self._unwritten)
            except _DISK_TROUBLE as error:
                self._lose_disk(error)
            self._unwritten, self._flushed_at = Changes(), now

    def _try_disk(self) -> None:
        """Open the file, read what an earlier run left there, and write what is only in memory."""
        if self._path is None:
            return
        self._tried_disk_at = self._monotonic()
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            journal = Journal(self._path)
            kept = journal.load()
            known = [entry.alert for entry in self._entries.values()] + self._unwritten.added
            journal.write(Changes(added=known, acknowledged=self._unwritten.acknowledged))
        except _DISK_TROUBLE as error:
            self._lose_disk(error)
            return
        self._journal = journal
        self._restore(kept, known)
        self._set_state("disk, a damaged file was set aside" if journal.set_aside else "disk")

    def _restore(self, kept: list[tuple[AlertMessage, bool]], known: list[AlertMessage]) -> None:
        """Put what was read before what came since; deliver it, for a late file missed the greeting, and end it."""
        now, ours = self._monotonic(), {alert.event_id for alert in known}
        old = {alert.key: _Entry(alert, now if acknowledged else None) for alert, acknowledged in kept}
        with self._lock:
            self._entries = {**old, **self._entries}
        theirs = [(alert, acknowledged) for alert, acknowledged in kept if alert.event_id not in ours]
        for alert, acknowledged in theirs:
            if not acknowledged:
                self._deliver(alert)
        for alert in left_open(alert for alert, _ in theirs):
            self.add(self._ended(alert))

    def _lose_disk(self, error: Exception) -> None:
        if self._journal:
            self._journal.close()
        self._journal, self._tried_disk_at = None, self._monotonic()
        self._set_state(f"memory only: {error}")

    def _forget(self, now: float) -> list[str]:
        """Drop what has been settled for long, then what is over the limit; return the keys that left.

        Over the limit go acknowledged ones first, then updates, then the oldest. The newest message of an episode
        that has no end stays, so that a restart can end it.
        """
        pinned = {alert.key for alert in left_open(entry.alert for entry in self._entries.values())}
        settled = [
            key
            for key, entry in self._entries.items()
            if entry.acknowledged_at is not None and entry.acknowledged_at < now - _KEPT_S and key not in pinned
        ]
        left = [key for key in self._entries if key not in set(settled)]
        over = len(left) - self._limit
        surplus = sorted(left, key=self._worth)[:over] if over > 0 else []
        self.dropped += sum(self._entries[key].acknowledged_at is None for key in surplus)
        for key in (*settled, *surplus):
            del self._entries[key]
        return [*settled, *surplus]

    def _worth(self, key: str) -> int:
        entry = self._entries[key]
        return 0 if entry.acknowledged_at is not None else 1 if entry.alert.event_type == "update" else 2

    def _set_state(self, state: str) -> None:
        if state != self.state:
            self.state = state
            log.log(logging.INFO if state == "disk" else logging.WARNING, "outbox: %s", state)
