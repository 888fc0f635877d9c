"""The store of alerts behind a buffer: alerts stay in memory until they are on disk, and while the disk fails."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from edge.publish.store import AlertStore, Changes
from edge.publish.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from edge.publish.store import Held, Row
    from edge.publish.worker import Call

log = logging.getLogger(__name__)

COMMIT_S = 2.0
"""An alert is sent from memory when the disk has not written it within this time; an SD card takes up to 1 s."""
_OPEN_S = 15.0
"""A laptop reads a file with 100,000 alerts in 3 s."""
_RETRY_DISK_S = 30.0
_PROBE_S = 5.0
"""Interval at which a slow disk is tried again."""
_FLUSH_S = 5.0
"""Longest time that acknowledgements wait for a transaction; a lost one only means that an alert is sent again."""
_ERASE_S = 60.0
"""Longest time from when an alert is no longer needed to its erasure from the file and its write-ahead log."""
_MAX_FORGOTTEN = 50
"""Most alerts that wait for their erasure: they are erased earlier where alerts come faster than one per second."""
_CLOSE_S = 1.0
_IN_MEMORY = 500
"""Newest alerts that also stay in memory once they are on disk, so that a disk that fails loses none of them."""
_DISK_ERRORS = (sqlite3.Error, OSError, UnicodeDecodeError)


class BufferedStore:
    """Rows by key; `state` names where they are kept. Belongs to the outbox's thread, and never hangs with the disk."""

    def __init__(self, path: Path | None, monotonic: Callable[[], float], keeps: Callable[[str], bool]) -> None:
        """Keep rows in the file at `path`, or in memory alone where it is None; `keeps`: whether a key is known."""
        self._path = path
        self._monotonic = monotonic
        self._keeps = keeps
        self._worker = Worker("outbox disk")
        self._store: AlertStore | None = None
        self._call: Call[Any] | None = None
        self._then: Callable[[Any], None] = lambda _result: None
        self._rows: dict[str, Row] = {}
        self._unwritten = Changes()
        self._writing = Changes()
        self._tried_at = float("-inf")
        self._flushed_at = float("-inf")
        self._erased_at = float("-inf")
        self._in_time = True
        self._in_time_s = COMMIT_S
        self._restored = False
        self.found: list[Held] = []
        self.state = "memory" if path is None else "opening"

    @property
    def readable(self) -> bool:
        """Whether what is on disk can be read now."""
        return self._store is not None and self._call is None and self._in_time

    def add(self, row: Row) -> None:
        """Keep a row."""
        self._rows[row.key] = row
        self._unwritten.added[row.key] = row

    def acknowledge(self, key: str) -> None:
        """Note that the broker has acknowledged a row."""
        self._unwritten.acknowledged.add(key)

    def forget(self, keys: Iterable[str]) -> None:
        """Stop keeping some rows."""
        for key in keys:
            self._rows.pop(key, None)
            self._unwritten.forget(key)

    def rows(self, keys: Sequence[str]) -> dict[str, Row]:
        """Return the rows of some keys: those in memory, and of the others those that the disk returns in time."""
        elsewhere = [key for key in keys if key not in self._rows]
        read: dict[str, Row] = {}
        if elsewhere and self.readable:
            store = self._open_store
            self._begin(lambda: store.read(elsewhere), read.update)
            self._collect(COMMIT_S)
            self._note_delay()
        return read | {key: self._rows[key] for key in keys if key in self._rows}

    def turn(self) -> None:
        """Write what is due; wait up to `COMMIT_S` for the disk, unless it has been slow."""
        if self._path is None:
            self._unwritten = Changes()
            return
        self._collect(0)
        if self._call is None:
            self._begin_what_is_due(self._monotonic())
        self._collect(COMMIT_S if self._in_time else 0)
        self._note_delay()

    def close(self) -> None:
        """Write what is left and close the file, if the disk responds in time."""
        self._collect(_CLOSE_S)
        if self._call is None and self._store and self._unwritten:
            self._begin_write(self._monotonic(), erase=True)
            self._collect(_CLOSE_S)
        if self._call is None and self._store:
            self._worker.call(self._store.close)
        if not self._worker.close(_CLOSE_S):
            log.warning("outbox: the disk does not respond; %d alerts were not written", self._uncommitted)

    @property
    def _uncommitted(self) -> int:
        return len(self._writing.added.keys() | self._unwritten.added.keys())

    @property
    def _open_store(self) -> AlertStore:
        assert self._store is not None  # noqa: S101 - for mypy: `readable` was asked
        return self._store

    def _begin_what_is_due(self, now: float) -> None:
        if self._store is None:
            if now - self._tried_at >= _RETRY_DISK_S:
                self._tried_at = now
                self._begin(self._open, self._opened, in_time_s=_OPEN_S)
            return
        erase = len(self._unwritten.forgotten) >= _MAX_FORGOTTEN or (
            bool(self._unwritten.forgotten) and now - self._erased_at >= _ERASE_S
        )
        settled = bool(self._unwritten.acknowledged) and now - self._flushed_at >= _FLUSH_S
        probe = not self._in_time and now - self._flushed_at >= _PROBE_S
        if self._unwritten.added or erase or settled or probe:
            self._begin_write(now, erase=erase)

    def _begin_write(self, now: float, *, erase: bool) -> None:
        """Pass all changes to the disk; deletions wait for `erase`, so that they do not wear out a card."""
        store, forgotten = self._open_store, self._unwritten.forgotten
        self._writing, self._unwritten = self._unwritten, Changes()
        if not erase:
            self._writing.forgotten, self._unwritten.forgotten = set(), forgotten
        self._flushed_at, self._erased_at = now, now if erase else self._erased_at
        writing = self._writing

        def write() -> None:
            store.write(writing)
            if erase:
                store.erase()

        self._begin(write, self._written)

    def _begin(self, function: Callable[[], Any], then: Callable[[Any], None], *, in_time_s: float = COMMIT_S) -> None:
        self._call, self._then, self._in_time_s = self._worker.call(function), then, in_time_s

    def _collect(self, timeout_s: float) -> None:
        """Take the result of the running call, if it comes within a time."""
        if self._call is None or not self._call.wait(timeout_s):
            return
        call, self._call = self._call, None
        self._in_time = call.took_s <= self._in_time_s
        try:
            self._then(call.result)
        except _DISK_ERRORS as error:
            self._fall_back(error)

    def _note_delay(self) -> None:
        """Note a disk that has not responded yet; a large file may take longer to be opened."""
        if self._call is not None:
            self._in_time = False
        is_opening = self._store is None and self._monotonic() - self._tried_at < _OPEN_S
        if not self._in_time and not (is_opening and self.state == "opening"):
            self._set_state(f"memory only: the disk has not responded within {COMMIT_S:.0f} s")

    def _open(self) -> tuple[AlertStore, list[Held]]:
        """Open the file and read what an earlier run left there; runs on the worker's thread."""
        assert self._path is not None  # noqa: S101 - for mypy: `turn` has asked
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as on_error:
            store = AlertStore(self._path)
            on_error.callback(store.close)
            kept = store.load()
            on_error.pop_all()
        return store, kept

    def _opened(self, result: tuple[AlertStore, list[Held]]) -> None:
        """Find the rows that only the file has: those of an earlier run, or those dropped while the disk was away."""
        self._store, kept = result
        only_on_disk = [held for held in kept if not self._keeps(held.key)]
        if self._restored:
            self._unwritten.forgotten |= {held.key for held in only_on_disk}
        else:
            self._restored, self.found = True, only_on_disk
        on_disk = {held.key for held in kept}
        self._unwritten.added |= {key: row for key, row in self._rows.items() if key not in on_disk}
        self._recover()

    def _written(self, _none: None) -> None:
        """Drop from memory what is on disk, except for the newest rows."""
        self._writing = Changes()
        for key in list(self._rows)[: max(0, len(self._rows) - _IN_MEMORY)]:
            if key not in self._unwritten.added:
                del self._rows[key]
        self._recover()

    def _recover(self) -> None:
        if self._store and self._in_time:
            self._set_state(f"disk, {self._store.set_aside}" if self._store.set_aside else "disk")

    def _fall_back(self, error: Exception) -> None:
        """Continue in memory; what was being written is written again when the disk is back."""
        if self._store:
            self._worker.call(self._store.close)
        self._store, self._tried_at = None, self._monotonic()
        newer, self._unwritten, self._writing = self._unwritten, self._writing, Changes()
        self._unwritten.added |= newer.added
        self._unwritten.acknowledged |= newer.acknowledged
        for key in newer.forgotten:
            self._unwritten.forget(key)
        self._set_state(f"memory only: {error}")

    def _set_state(self, state: str) -> None:
        if state != self.state:
            self.state = state
            log.log(logging.INFO if state == "disk" else logging.WARNING, "outbox: %s", state)
