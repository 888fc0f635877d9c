"""Alerts on disk: an SQLite file that survives a power cut at any byte."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.data import EventType
from edge.publish.message import AlertMessage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS alert (
    place INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, topic TEXT NOT NULL, body TEXT NOT NULL,
    boot TEXT NOT NULL, expires_at REAL NOT NULL, acknowledged INTEGER NOT NULL DEFAULT 0)
"""
_SELECT = "SELECT key, topic, body, boot, expires_at, acknowledged FROM alert ORDER BY place"
_CHECKPOINT_PAGES = 64
"""Pages of 4 KiB after which the write-ahead log goes into the file: keeps both small on a card."""


@dataclass(slots=True)
class Changes:
    """What one transaction writes."""

    added: list[AlertMessage] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.acknowledged or self.forgotten)


class Journal:
    """The open file; belongs to the thread that opened it, and to no second process.

    WAL with `synchronous=FULL`: a transaction that returned is on disk. Source: sqlite.org/wal.html, sections 2 and 6.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file; one that is damaged is set aside under another name.

        Raises:
            sqlite3.Error, OSError: it cannot be opened or written, or another process has it.
        """
        self.path, self.set_aside = path, False
        try:
            self._database = _open(path)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
                raise
            _set_aside(path)
            self.set_aside = True
            self._database = _open(path)

    def load(self) -> list[tuple[AlertMessage, bool]]:
        """Return (alert, acknowledged) of all that is kept, oldest first; rows that a cut garbled are dropped."""
        rows = self._database.execute(_SELECT)
        kept, garbled = [], []
        for key, topic, body, boot, expires_at, acknowledged in rows.fetchall():
            try:
                kept.append((_alert(key, topic, body, boot, expires_at), bool(acknowledged)))
            except (ValueError, TypeError, KeyError):
                garbled.append(key)
        self.write(Changes(forgotten=garbled))
        return kept

    def write(self, changes: Changes) -> None:
        """Commit; when this returns, it is on disk.

        Raises:
            sqlite3.Error: it is not, and nothing of it is.
        """
        rows = [(a.key, a.topic, json.dumps(a.body), a.boot, a.expires_at) for a in changes.added]
        with _transaction(self._database) as database:
            database.executemany(
                "INSERT OR IGNORE INTO alert (key, topic, body, boot, expires_at) VALUES (?, ?, ?, ?, ?)", rows
            )
            database.executemany("UPDATE alert SET acknowledged = 1 WHERE key = ?", _ones(changes.acknowledged))
            database.executemany("DELETE FROM alert WHERE key = ?", _ones(changes.forgotten))

    def close(self) -> None:
        """Close the file; what cannot be flushed any more is in the write-ahead log."""
        with suppress(sqlite3.Error):
            self._database.close()


def _alert(key: str, topic: str, body: str, boot: str, expires_at: float) -> AlertMessage:
    """Return a row as an alert; raise ValueError, TypeError or KeyError where it can be no episode's."""
    alert = AlertMessage(key, topic, json.loads(body), boot, float(expires_at))
    EventType(alert.event_type)
    if alert.key != f"{alert.event_id}:{alert.body['seq']}":
        raise ValueError(key)
    return alert


class _transaction:  # noqa: N801 - reads as a verb
    """BEGIN at entry, COMMIT at exit, ROLLBACK when anything fails, the COMMIT too."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        self._database.execute("BEGIN IMMEDIATE")
        return self._database

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._database.execute("ROLLBACK" if kind else "COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            if kind is None:
                raise


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=0.5)
    # a damaged file may hold what is no UTF-8: such rows are dropped when they are read, and nothing is raised
    database.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        # exclusive before WAL: no shared memory file is needed, and a second process is refused
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            database.execute(f"PRAGMA {pragma}").fetchall()
        database.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}").fetchall()
        _check(database)
        database.execute(_TABLE)
        database.execute(f"PRAGMA user_version={_VERSION}")
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection) -> None:
    """Raise DatabaseError unless the file is sound and of our version."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    findings = [row[0] for row in database.execute("PRAGMA quick_check(1)")]
    if version not in (0, _VERSION) or findings != ["ok"]:
        raise sqlite3.DatabaseError(f"version {version}, {findings[0]}")


def _set_aside(path: Path) -> None:
    """Keep a damaged file, once, for whoever wants to know; a later one takes its place."""
    for suffix in ("", "-wal"):
        damaged = path.with_name(path.name + suffix)
        if damaged.exists():
            damaged.replace(path.with_name(f"{path.name}{suffix}.damaged"))


def _ones(keys: Sequence[str]) -> list[tuple[str]]:
    return [(key,) for key in keys]
