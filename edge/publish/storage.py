"""The bodies of alerts: in memory until they are on disk, and as long as the disk fails or does not answer."""

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
"""An alert goes out from memory when the disk has not taken it within this time; an SD card takes up to 1 s."""
_OPEN_S = 15.0
"""A file with 100,000 alerts is read in 3 s on a laptop."""
_RETRY_DISK_S = 30.0
_PROBE_S = 5.0
"""Pause between two trials whether a disk that was late answers in time again."""
_FLUSH_S = 5.0
"""Longest time that acknowledgements wait for a transaction; losing one only means that an alert is sent again."""
_ERASE_S = 60.0
"""Longest time from an alert's last need to its erasure from the file and its write-ahead log."""
_MAX_FORGOTTEN = 50
"""Alerts that wait for their erasure at most: they are erased earlier where alerts come faster than one per second."""
_CLOSE_S = 1.0
_IN_MEMORY = 500
"""Newest alerts that stay in memory also while they are on disk: a disk that fails then loses none of them."""
_DISK_TROUBLE = (sqlite3.Error, OSError, UnicodeDecodeError)


class Storage:
    """Rows by key; `state` names where they are. All is called on the outbox's thread, and none of it hangs."""

    def __init__(self, path: Path | None, monotonic: Callable[[], float], keeps: Callable[[str], bool]) -> None:
        """Keep rows in the file at `path`, or in memory alone where it is None; `keeps`: whether a key is known."""
        self._path, self._monotonic, self._keeps = path, monotonic, keeps
        self._worker = Worker("outbox disk")
        self._journal: AlertStore | None = None
        self._call: Call[Any] | None = None
        self._then: Callable[[Any], None] = lambda _result: None
        self._rows: dict[str, Row] = {}
        self._unwritten, self._writing = Changes(), Changes()
        self._tried_at = self._flushed_at = self._erased_at = float("-inf")
        self._in_time, self._in_time_s, self._restored = True, COMMIT_S, False
        self.found: list[Held] = []
        self.state = "memory" if path is None else "opening"

    @property
    def readable(self) -> bool:
        """Whether what is on disk can be read now."""
        return self._journal is not None and self._call is None and self._in_time

    def add(self, row: Row) -> None:
        """Keep a row."""
        self._rows[row.key] = row
        self._unwritten.added[row.key] = row

    def acknowledge(self, key: str) -> None:
        """Note that the broker has it."""
        self._unwritten.acknowledged.add(key)

    def forget(self, keys: Iterable[str]) -> None:
        """Keep them no longer."""
        for key in keys:
            self._rows.pop(key, None)
            self._unwritten.forget(key)

    def rows(self, keys: Sequence[str]) -> dict[str, Row]:
        """Return the rows of some keys: those in memory, and of the others what the disk gives in time."""
        elsewhere = [key for key in keys if key not in self._rows]
        read: dict[str, Row] = {}
        if elsewhere and self.readable:
            journal = self._opened_journal
            self._begin(lambda: journal.read(elsewhere), read.update)
            self._harvest(COMMIT_S)
            self._doubt()
        return read | {key: self._rows[key] for key in keys if key in self._rows}

    def turn(self) -> None:
        """Write what is due; wait for the disk while it has been in time, and no longer than `COMMIT_S`."""
        if self._path is None:
            self._unwritten = Changes()
            return
        self._harvest(0)
        if self._call is None:
            self._begin_what_is_due(self._monotonic())
        self._harvest(COMMIT_S if self._in_time else 0)
        self._doubt()

    def close(self) -> None:
        """Write what is left and close the file, where the disk does it in time."""
        self._harvest(_CLOSE_S)
        if self._call is None and self._journal and self._unwritten:
            self._begin_write(self._monotonic(), erase=True)
            self._harvest(_CLOSE_S)
        if self._call is None and self._journal:
            self._worker.call(self._journal.close)
        if not self._worker.close(_CLOSE_S):
            log.warning("outbox: the disk does not answer; %d alerts were not written", self._uncommitted)

    @property
    def _uncommitted(self) -> int:
        return len(self._writing.added.keys() | self._unwritten.added.keys())

    @property
    def _opened_journal(self) -> AlertStore:
        assert self._journal is not None  # noqa: S101 - for mypy: `readable` was asked
        return self._journal

    def _begin_what_is_due(self, now: float) -> None:
        if self._journal is None:
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
        """Hand all changes to the disk; what is forgotten waits for its time, so that a card is not worn by it."""
        journal, forgotten = self._opened_journal, self._unwritten.forgotten
        self._writing, self._unwritten = self._unwritten, Changes()
        if not erase:
            self._writing.forgotten, self._unwritten.forgotten = set(), forgotten
        self._flushed_at, self._erased_at = now, now if erase else self._erased_at
        writing = self._writing

        def write() -> None:
            journal.write(writing)
            if erase:
                journal.erase()

        self._begin(write, self._written)

    def _begin(self, function: Callable[[], Any], then: Callable[[Any], None], *, in_time_s: float = COMMIT_S) -> None:
        self._call, self._then, self._in_time_s = self._worker.call(function), then, in_time_s

    def _harvest(self, timeout_s: float) -> None:
        """Take the result of the call that is out, if it comes within a time."""
        if self._call is None or not self._call.wait(timeout_s):
            return
        call, self._call = self._call, None
        self._in_time = call.took_s <= self._in_time_s
        try:
            self._then(call.result)
        except _DISK_TROUBLE as error:
            self._lose(error)

    def _doubt(self) -> None:
        """Believe a disk no longer that lets us wait; a large file may take longer to be opened."""
        if self._call is not None:
            self._in_time = False
        is_opening = self._journal is None and self._monotonic() - self._tried_at < _OPEN_S
        if not self._in_time and not (is_opening and self.state == "opening"):
            self._set_state(f"memory only: the disk has not answered within {COMMIT_S:.0f} s")

    def _open(self) -> tuple[AlertStore, list[Held]]:
        """Open the file and read what an earlier run left there; runs on the worker's thread."""
        assert self._path is not None  # noqa: S101 - for mypy: `turn` has asked
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as on_error:
            journal = AlertStore(self._path)
            on_error.callback(journal.close)
            kept = journal.load()
            on_error.pop_all()
        return journal, kept

    def _opened(self, result: tuple[AlertStore, list[Held]]) -> None:
        """Find what only the file knows: an earlier run left it, or we forgot it while the disk was away."""
        self._journal, kept = result
        strange = [held for held in kept if not self._keeps(held.key)]
        if self._restored:
            self._unwritten.forgotten |= {held.key for held in strange}
        else:
            self._restored, self.found = True, strange
        on_disk = {held.key for held in kept}
        self._unwritten.added |= {key: row for key, row in self._rows.items() if key not in on_disk}
        self._be_well()

    def _written(self, _none: None) -> None:
        """Drop from memory what is on disk, but for the newest."""
        self._writing = Changes()
        for key in list(self._rows)[: max(0, len(self._rows) - _IN_MEMORY)]:
            if key not in self._unwritten.added:
                del self._rows[key]
        self._be_well()

    def _be_well(self) -> None:
        if self._journal and self._in_time:
            self._set_state(f"disk, {self._journal.set_aside}" if self._journal.set_aside else "disk")

    def _lose(self, error: Exception) -> None:
        """Go on in memory; what was being written is written again when the disk is back."""
        if self._journal:
            self._worker.call(self._journal.close)
        self._journal, self._tried_at = None, self._monotonic()
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
