"""The sink that keeps the history: what scenes bring is collected in memory, and a thread writes it now and then."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from edge.counts import Entries
from edge.data import EventType
from edge.history.records import EpisodeRecord, PeopleCount
from edge.history.store import HistoryStore

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from edge.clock import Clock
    from edge.data import Alert, Scene

log = logging.getLogger(__name__)

STEP_S = 10.0
"""Time between two transactions, as long as the day's are not used up."""
PER_DAY, BURST = 60, 20
"""Transactions per day, and how many may follow each other: 80 of 45 kB each, as measured at a busy stop, are
3.6 MB. A quiet stop has its history on disk within `STEP_S`, a busy one within 24 minutes."""
_DAY_S = 86_400.0
_HOUR_S = 3600
_MOST_WAITING = 10_000
"""Episodes in memory while the disk takes none; about 5 MB."""
_CLOSE_S = 5.0


class WriteBudget:
    """How many transactions may be made: `burst` at once, and `per_day` spread over each day."""

    def __init__(self, per_day: float, burst: float) -> None:
        """Start with a full budget."""
        self._rate_hz, self._burst = per_day / _DAY_S, burst
        self._left, self._at = float(burst), 0.0

    def take(self, at: float) -> bool:
        """Take one; return whether there was one. at: seconds on a monotonic clock."""
        self._left = min(self._burst, self._left + max(0.0, at - self._at) * self._rate_hz)
        self._at = at
        if self._left < 1:
            return False
        self._left -= 1
        return True


class HistoryLog:
    """Sink that keeps each episode by its newest alert, and the people who enter by hour and label."""

    def __init__(self, path: Path, clock: Clock, *, days: int, max_bytes: int, step_s: float = STEP_S) -> None:
        """Start the thread; a file that cannot be opened is a problem, and is tried again."""
        self.problem = ""
        self.dropped = 0
        self._path, self._clock, self._days, self._max_bytes, self._step_s = path, clock, days, max_bytes, step_s
        self._entries, self._totals, self._today = Entries(), Counter[str](), clock.today()
        self._episodes: dict[str, EpisodeRecord] = {}
        self._people: Counter[tuple[int, str]] = Counter()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._store: HistoryStore | None = None
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._thread.start()

    def put(self, scene: Scene) -> None:
        """Collect the alerts of a scene, and the people who entered."""
        today = self._clock.today()
        entries = self._entries.count(scene, today)
        with self._lock:
            for alert in scene.alerts:
                self._keep(alert, scene.decided_at)
            self._count(entries, today)

    def close(self) -> None:
        """Write what is left, and end the thread; a disk that hangs is not waited for longer than 5 s."""
        self._stop.set()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            log.warning("history: %s: the disk does not answer; the newest episodes are not kept", self._path)

    def _keep(self, alert: Alert, decided_at: float) -> None:
        if alert.event_id not in self._episodes and len(self._episodes) >= _MOST_WAITING:
            self.dropped += 1
            return
        lasted_s = alert.raised_at - alert.since
        has_ended = alert.event_type is EventType.END
        self._episodes[alert.event_id] = EpisodeRecord(
            alert.event_id,
            alert.episode.value,
            round(self._clock.wall_of(decided_at) - lasted_s, 3),
            round(lasted_s, 3) if has_ended else None,
            alert.reason.value if alert.reason else None,
            round(alert.track.confidence, 4),
            self._clock.synced(),
        )

    def _count(self, entries: dict[str, int], today: date) -> None:
        """Add the people who entered with this scene to the hour; a clock that was not set knows no hour."""
        if today != self._today:
            self._today, self._totals = today, Counter()
        new = Counter(entries) - self._totals
        self._totals = Counter(entries)
        if new and self._clock.is_set():
            hour = hour_of(self._clock.wall())
            self._people.update({(hour, label): number for label, number in new.items()})

    def _run(self) -> None:
        budget, stopped = WriteBudget(PER_DAY, BURST), False
        while not stopped:
            stopped = self._stop.wait(self._step_s)
            if self._is_waiting() and (stopped or budget.take(self._clock.monotonic())):
                self._write()
        if self._store:
            self._store.close()

    def _is_waiting(self) -> bool:
        with self._lock:
            return self._store is None or bool(self._episodes or self._people)

    def _write(self) -> None:
        with self._lock:
            episodes, people = self._episodes, self._people
            self._episodes, self._people = {}, Counter()
        counts = [PeopleCount(hour, label, number) for (hour, label), number in people.items()]
        try:
            self._store = self._store or HistoryStore(self._path, days=self._days, max_bytes=self._max_bytes)
            self._store.write(episodes.values(), counts, self._clock.wall())
        except (sqlite3.Error, OSError) as error:
            self._report(f"disk: {self._path}: {error}")
            with self._lock:
                self._episodes = episodes | self._episodes
                self._people += people
        else:
            self._report("")

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            log.log(logging.WARNING if problem else logging.INFO, "history: %s", problem or "is written again")
        self.problem = problem


def hour_of(wall: float) -> int:
    """Return the beginning of the local hour of a time, both in seconds since 1970."""
    local = time.localtime(wall)
    return int(wall) - (local.tm_min * 60 + local.tm_sec) % _HOUR_S
