"""Alerts that wait until the broker has them for certain: on disk before they are sent, in memory without a disk.

The main loop only queues. A thread of the outbox commits, then passes alerts to the link; the disk has its own thread,
so that a disk that hangs delays nothing else. What waits longer is read from disk as the link draws it.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.publish.alert_index import AlertIndex
from edge.publish.buffered_store import BufferedStore
from edge.publish.store import packed, unpacked
from edge.publish.worker import check_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from edge.publish.message import AlertMessage

log = logging.getLogger(__name__)

_TICK_S = 1.0
_MAX_QUEUED = 10_000
_LOAD_S = 2.5
"""A little more than the store waits for the disk."""
_JOIN_S = 3.5
_PAGE = 50
_FETCH_S = 3.0
_POISON = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""What a message raises that cannot be sent. It may not end the thread, which carries all other alerts."""


@dataclass(slots=True)
class _Fetch:
    """A request for the alerts of some keys."""

    keys: Sequence[str]
    done: threading.Event = field(default_factory=threading.Event)
    alerts: list[AlertMessage] = field(default_factory=list)
    is_late: bool = False


@dataclass(slots=True)
class _Batch:
    """What other threads queued since the last turn."""

    added: dict[str, AlertMessage] = field(default_factory=dict)
    acknowledged: list[str] = field(default_factory=list)
    fetches: list[_Fetch] = field(default_factory=list)
    waiters: list[threading.Event] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.acknowledged or self.fetches or self.waiters)


class Outbox:
    """Keeps alerts until they are acknowledged, and ten minutes more; `state` names where."""

    def __init__(self, path: Path | None, *, limit: int, monotonic: Callable[[], float]) -> None:
        """Keep at most `limit` alerts in the file at `path`, or in memory alone where it is None."""
        self._monotonic = monotonic
        self._index = AlertIndex(limit)
        self._store = BufferedStore(path, monotonic, self._index.__contains__)
        self._queued = _Batch()
        self._more = threading.Condition()
        self._deliver: Callable[[AlertMessage], None] = lambda _alert: None
        self._ended: Callable[[AlertMessage], AlertMessage] = lambda alert: alert
        self._loaded = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._owed: OrderedDict[str, None] = OrderedDict()
        self._left_open: deque[str] = deque()
        self._overflowed = 0

    @property
    def state(self) -> str:
        """Where alerts are kept: `disk`, `memory`, or what is wrong."""
        return self._store.state

    @property
    def dropped(self) -> int:
        """How many alerts were lost before a broker had them: over the limit, or damaged."""
        return self._index.dropped + self._overflowed

    @property
    def waiting(self) -> int:
        """How many alerts no broker has acknowledged yet."""
        with self._more:
            return self._index.waiting + len(self._queued.added)

    def waits(self, key: str) -> bool:
        """Return whether no broker has acknowledged an alert yet."""
        with self._more:
            return key in self._queued.added or self._index.waits(key)

    def start(self, deliver: Callable[[AlertMessage], None], ended: Callable[[AlertMessage], AlertMessage]) -> None:
        """Start, and wait a little for the file, so that the first connection is sent what an earlier run left in it.

        deliver: takes each alert once it is committed.
        ended: returns the end of an episode that an earlier run left open, from its newest alert; the end is added.
        Both run on the outbox's thread.
        """
        self._deliver, self._ended = deliver, ended
        self._thread.start()
        self._loaded.wait(_LOAD_S)

    def add(self, alert: AlertMessage) -> None:
        """Queue an alert and return at once; dropped and counted when ten thousand are queued already."""
        with self._more:
            if len(self._queued.added) >= _MAX_QUEUED:
                self._overflowed += 1
                return
            self._queued.added.setdefault(alert.key, alert)
            self._more.notify()

    def acknowledge(self, key: str) -> None:
        """Note that the broker has acknowledged an alert; return at once."""
        with self._more:
            self._queued.acknowledged.append(key)
            self._more.notify()

    def unsettled(self) -> Iterator[AlertMessage]:
        """Yield what a new connection has to be sent, oldest first, read as it is drawn; safe on any thread.

        What the disk does not return in time goes to `deliver` when the disk responds again.
        """
        keys = self._index.unsettled(self._monotonic())
        for page in pages(keys):
            fetch = _Fetch(page)
            with self._more:
                self._queued.fetches.append(fetch)
                self._more.notify()
            fetch.done.wait(_FETCH_S)
            with self._more:
                fetch.is_late = not fetch.done.is_set()
            yield from (alert for alert in fetch.alerts if alert.key in self._index)

    def check(self) -> None:
        """Raise ThreadStuck when the thread has ended though the outbox was not closed: no alert would be sent."""
        check_alive(self._thread, self._stop)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything that was added is committed; return whether it is."""
        done = threading.Event()
        with self._more:
            self._queued.waiters.append(done)
            self._more.notify()
        return done.wait(timeout_s)

    def close(self) -> None:
        """Write what is left and stop the thread within its deadline."""
        with self._more:
            self._stop.set()
            self._more.notify()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._stop.is_set() or self._queued:
            self._turn(self._next_batch() if self._loaded.is_set() else _Batch())
            self._loaded.set()
        self._store.close()

    def _next_batch(self) -> _Batch:
        """Return all that is queued, after waiting up to a tick for it; the index knows what was added from here on."""
        with self._more:
            if not (self._queued or self._stop.is_set() or self._is_behind):
                self._more.wait(_TICK_S)
            batch, self._queued = self._queued, _Batch()
            for alert in batch.added.values():
                self._index.add(alert.key, alert.event_type)
        return batch

    @property
    def _is_behind(self) -> bool:
        """Whether there is work left from an earlier turn."""
        return self._store.readable and bool(self._owed or self._left_open)

    def _turn(self, batch: _Batch) -> None:
        """Take a batch, commit it, and deliver it."""
        now = self._monotonic()
        for key in batch.acknowledged:
            if self._index.acknowledge(key, now):
                self._store.acknowledge(key)
        kept = [key for key, alert in batch.added.items() if self._is_stored(alert)]
        self._store.turn()
        self._restore(now)
        self._deliver_all(self._next_owed() + kept)
        for fetch in batch.fetches:
            self._answer(fetch)
        self._end_left_open()
        self._store.forget(self._index.forget(now))
        for waiter in batch.waiters:
            waiter.set()

    def _is_stored(self, alert: AlertMessage) -> bool:
        try:
            self._store.add(packed(alert))
        except _POISON as error:
            self._give_up(alert.key, error)
            return False
        return True

    def _restore(self, now: float) -> None:
        """Put what an earlier run left before what came since, where the file has been opened."""
        found, self._store.found = self._store.found, []
        if found:
            self._left_open.extend(self._index.put_before(found, now))
            self._owed |= {held.key: None for held in found if not held.acknowledged}

    def _answer(self, fetch: _Fetch) -> None:
        alerts = self._alerts(fetch.keys)
        with self._more:
            if fetch.is_late:
                self._owed |= dict.fromkeys(fetch.keys)
            else:
                fetch.alerts += alerts
                fetch.done.set()

    def _next_owed(self) -> list[str]:
        """Return some keys whose alerts the link has asked for and not been given."""
        count = min(_PAGE, len(self._owed)) if self._store.readable else 0
        return [self._owed.popitem(last=False)[0] for _ in range(count)]

    def _deliver_all(self, keys: Sequence[str]) -> None:
        for alert in self._alerts(keys):
            try:
                self._deliver(alert)
            except _POISON as error:
                self._give_up(alert.key, error)

    def _alerts(self, keys: Sequence[str]) -> list[AlertMessage]:
        """Return the alerts of keys, in order; what the disk does not return now is owed, what it lost is dropped."""
        kept = [key for key in keys if key in self._index]
        rows = self._store.rows(kept)
        for key in kept:
            if key not in rows and self._store.readable:
                self._give_up(key, "it is no longer in the file")
            elif key not in rows:
                self._owed[key] = None
        return [unpacked(rows[key]) for key in kept if key in rows]

    def _give_up(self, key: str, why: object) -> None:
        """Drop an alert that cannot be sent."""
        log.warning("outbox: alert %s is dropped: %s", key, why)
        self._index.drop(key)
        self._store.forget([key])

    def _end_left_open(self) -> None:
        """Add the ends of episodes that an earlier run left open, one page at a time."""
        if not self._store.readable:
            return
        keys = [self._left_open.popleft() for _ in range(min(_PAGE, len(self._left_open)))]
        for alert in self._alerts(keys):
            try:
                self.add(self._ended(alert))
            except _POISON as error:
                log.warning("outbox: the episode of %s gets no end: %s", alert.key, error)


def pages(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield keys in pages of 1, 2, 4, … up to 50: a caller that takes one alert has one body read, not fifty."""
    start, size = 0, 1
    while start < len(keys):
        yield keys[start : start + size]
        start += size
        size = min(2 * size, _PAGE)
