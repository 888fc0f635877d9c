"""The finished results of a batch in an SQLite file: a killed run goes on with nothing done twice or left out."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

from edge.batch.identity import difference
from edge.batch.inputs import stamp_of
from edge.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge.batch.identity import Identity
    from edge.batch.inputs import Task

_VERSION = 1
_MARK = 0x6D77_7067
"""Application id of the file, "mwpg": what else lies under its name is left alone."""
_TABLES = """
CREATE TABLE identity (content TEXT NOT NULL);
CREATE TABLE result (
    source BLOB NOT NULL, drawing BLOB NOT NULL, size_bytes INTEGER, changed_ns INTEGER, records BLOB NOT NULL,
    PRIMARY KEY (source, drawing)) WITHOUT ROWID;
"""
_STAMP = "SELECT size_bytes, changed_ns FROM result WHERE source = ? AND drawing = ?"
_RECORDS = "SELECT records FROM result WHERE source = ? AND drawing = ?"


class Spool:
    """Results of inputs until their turn comes; without a path on a nameless temporary file.

    Each result is one transaction of a write-ahead log: after a kill at any instant it is there or absent, and a power
    cut costs at most the newest ones. The lock belongs to the process, and ends with it.
    """

    def __init__(self, path: Path | None, identity: Identity) -> None:
        """Open or create the file.

        Raises:
            ConfigError: it belongs to a run with other settings, models or another version, or is no progress file.
            OutputError: another run uses it, or it cannot be written.
        """
        self._path = path
        self.changed = 0
        """Number of inputs with a result that have changed since."""
        with self._errors(), ExitStack() as refused:
            self._base = sqlite3.connect(path or "", timeout=0, isolation_level=None)
            refused.callback(self._base.close)
            self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._check_mark()
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = NORMAL")
            self._prepare(identity)
            refused.pop_all()

    def _check_mark(self) -> None:
        """Refuse a file that is none of ours before anything is written into it."""
        ((mark,),), ((version,),) = (
            self._base.execute(f"PRAGMA {name}").fetchall() for name in ("application_id", "user_version")
        )
        tables = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and mark != _MARK:
            raise ConfigError(f"{self._path}: is not a progress file of maskwatch; fix: move it away")
        if tables and version != _VERSION:
            raise ConfigError(
                f"{self._path}: is a progress file of another version of maskwatch (format {version}, "
                f"here {_VERSION}); fix: go on with that version, or delete the file to begin again"
            )

    def _prepare(self, identity: Identity) -> None:
        self._base.execute("BEGIN IMMEDIATE")
        if not self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _TABLES.split(";"):
                self._base.execute(statement)
            self._base.execute(f"PRAGMA application_id = {_MARK}")
            self._base.execute(f"PRAGMA user_version = {_VERSION}")
            self._base.execute("INSERT INTO identity VALUES (?)", (json.dumps(identity),))
        before = json.loads(self._base.execute("SELECT content FROM identity").fetchone()[0])
        self._base.execute("COMMIT")
        if differs := difference(before, identity):
            raise ConfigError(
                f"{self._path}: is the progress of a run that differs: {differs}; "
                "fix: go on as it began, or delete the file to begin again"
            )

    def has(self, task: Task) -> bool:
        """Return whether an input has a result that still holds: neither it nor its drawing has changed or gone."""
        with self._errors():
            found = self._base.execute(_STAMP, _key(task)).fetchone()
        if found is None or (task.drawing and not task.drawing.exists()):
            return False
        is_same: bool = found == _stamp(task)
        self.changed += not is_same
        return is_same

    def keep(self, task: Task, content: bytes) -> None:
        """Store the result of an input.

        Raises:
            OutputError: the disk is full, or does not write.
        """
        with self._errors():
            row = (*_key(task), *_stamp(task), content)
            self._base.execute("INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?)", row)

    def take(self, task: Task) -> bytes | None:
        """Return the result of an input, None if it has none yet."""
        with self._errors():
            found = self._base.execute(_RECORDS, _key(task)).fetchone()
        return bytes(found[0]) if found else None

    def standing(self, number: int, finished: int) -> str:
        """Return a sentence on what is taken from an earlier run; empty if nothing is."""
        if not (finished or self.changed):
            return ""
        changed = f"; {self.changed} have changed since, and are read again" if self.changed else ""
        return f"{self._path}: goes on after {finished} of {number} inputs{changed}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        """Close the file; remove it if the batch is complete, and if it holds nothing."""
        with self._errors():
            is_empty = not self._base.execute("SELECT 1 FROM result LIMIT 1").fetchone()
            self._base.close()
        if self._path and (kind is None or is_empty):
            self._path.unlink(missing_ok=True)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise the errors of SQLite as sentences."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise OutputError(
                    f"{self._path}: another run is using it; fix: wait, or name another output"
                ) from error
            name = self._path or "the temporary file of --workers"
            why = os.strerror(errno.ENOSPC) if error.sqlite_errorcode == sqlite3.SQLITE_FULL else str(error)
            raise OutputError(f"{name}: cannot be written: {why}; fix: make room, and run it again") from error
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"{self._path}: is damaged, or no progress file; fix: move it away") from error


def _key(task: Task) -> tuple[bytes, bytes]:
    """Return the key of an input; as bytes, since a name need not be UTF-8."""
    return os.fsencode(str(task.path)), os.fsencode(task.drawing or "")


def _stamp(task: Task) -> tuple[int | None, int | None]:
    stamp = stamp_of(task.path)
    return (stamp.size_bytes, stamp.changed_ns) if stamp else (None, None)
