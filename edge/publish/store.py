"""Alerts on disk: an SQLite file that survives a power cut at any byte, and any byte that changes."""

from __future__ import annotations

import json
import logging
import sqlite3
import zlib
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from edge.data import EventType
from edge.publish.message import AlertMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

_R = TypeVar("_R")
_VERSION = 2
_TABLE = """
CREATE TABLE alert (
    place INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, topic TEXT NOT NULL, body TEXT NOT NULL,
    boot TEXT NOT NULL, expires_at REAL NOT NULL, acknowledged INTEGER NOT NULL DEFAULT 0, crc INTEGER)
"""
_COLUMNS = "key, topic, body, boot, expires_at, crc"
_SELECT = f"SELECT {_COLUMNS}, acknowledged, place FROM alert ORDER BY place"  # noqa: S608 - both are ours
_INSERT = f"INSERT OR IGNORE INTO alert ({_COLUMNS}, acknowledged) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_CHECKPOINT_PAGES = 64
"""Pages of 4 KiB after which the write-ahead log is copied into the file, which keeps both small on a card."""
_CACHE_KIB = 128
"""Pages in memory: rows are written once and rarely read. SQLite's default of 2 MB was full after 2,000 alerts."""
_OF_THE_MACHINE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
"""Errors of the disk, of permissions or of a second process, which may pass; all others are in the file, and stay."""
_MAX_KEPT_ASIDE = 100
_MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Row:
    """An alert as text, a tenth of its size as an object."""

    key: str
    topic: str
    body: str
    boot: str
    expires_at: float

    @property
    def crc(self) -> int:
        """Checksum of all fields, since a changed bit may result in another valid alert."""
        return zlib.crc32("\0".join((self.key, self.topic, self.body, self.boot, repr(self.expires_at))).encode())


@dataclass(slots=True)
class Changes:
    """What one transaction writes, by key; a key is in at most one of the last two."""

    added: dict[str, Row] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.added or self.acknowledged or self.forgotten)

    def forget(self, key: str) -> None:
        """Write nothing of a key except its deletion, if it may be on disk."""
        self.acknowledged.discard(key)
        if self.added.pop(key, None) is None:
            self.forgotten.add(key)


@dataclass(frozen=True, slots=True)
class Held:
    """An alert of the file without its body; 100,000 of them take 30 MB."""

    key: str
    event_type: str
    acknowledged: bool


def packed(alert: AlertMessage) -> Row:
    """Return an alert as text.

    Raises:
        ValueError, TypeError, RecursionError: it has a value that JSON lacks, such as NaN, or it is no alert.
    """
    body = json.dumps(alert.body, separators=(",", ":"), allow_nan=False)
    row = Row(alert.key, alert.topic, body, alert.boot, float(alert.expires_at))
    unpacked(row)
    return row


def unpacked(row: Row) -> AlertMessage:
    """Return a row as an alert.

    Raises:
        ValueError: it is not an alert of an episode.
    """
    try:
        body = json.loads(row.body, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    named = isinstance(body, dict) and isinstance(body.get("event_id"), str) and type(body.get("seq")) is int
    if not named or body["seq"] < 0 or row.key != f"{body['event_id']}:{body['seq']}":
        raise ValueError("is not the alert of its key")
    EventType(body.get("event_type"))
    return AlertMessage(row.key, row.topic, body, row.boot, row.expires_at)


class AlertStore:
    """The open file; belongs to the thread that opened it, and to no second process.

    WAL with `synchronous=FULL`: a transaction that returned is on disk. Source: sqlite.org/wal.html, sections 2 and 6.
    What is damaged is set aside and named in `set_aside`: single alerts in a file next to this one, or the whole file,
    whose intact alerts go into a new one.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            sqlite3.Error, OSError: it cannot be opened or written, or another process has it.
        """
        self.path = path
        self.set_aside = ""
        self._database: sqlite3.Connection | None = None
        with ExitStack() as on_error:
            on_error.callback(self.close)
            self._retried(self._open)
            on_error.pop_all()

    def load(self) -> list[Held]:
        """Return the alerts, oldest first, without bodies."""
        return self._retried(self._load)

    def read(self, keys: Iterable[str]) -> dict[str, Row]:
        """Return the rows of some keys; damaged and missing ones are left out."""
        return self._retried(lambda: self._read(list(keys)))

    def write(self, changes: Changes) -> None:
        """Commit changes; when this returns, they are on disk. Without changes, check that the disk responds.

        Raises:
            sqlite3.Error: none of them is on disk.
        """
        self._retried(lambda: self._write(changes))

    def erase(self) -> None:
        """Empty the write-ahead log, so that nothing that was deleted is left in it.

        Source: sqlite.org/pragma.html, wal_checkpoint(TRUNCATE) and secure_delete.
        """
        self._retried(lambda: self._open_database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    def keep_aside(self, rows: Sequence[object]) -> None:
        """Write what can be read of damaged alerts to a file next to this one, for inspection."""
        aside = self.path.with_name(f"{self.path.name}.damaged-alerts")
        aside.write_text("".join(f"{row!r:.4000}\n" for row in rows[:_MAX_KEPT_ASIDE]), "utf-8", "backslashreplace")
        aside.chmod(0o600)
        self.set_aside = f"{len(rows)} damaged {'alert was' if len(rows) == 1 else 'alerts were'} set aside"

    def close(self) -> None:
        """Close the file; what can no longer be flushed is in the write-ahead log."""
        with suppress(sqlite3.Error):
            if self._database:
                self._database.close()

    @property
    def _open_database(self) -> sqlite3.Connection:
        if self._database is None:
            raise sqlite3.OperationalError("not open")
        return self._database

    def _retried(self, job: Callable[[], _R]) -> _R:
        """Do a job; where the file turns out to be damaged, do it again on a new one."""
        try:
            return job()
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
            # sqlite3 raises the last two where the text of its error, or a number, comes from a damaged file
            if isinstance(error, sqlite3.Error) and _is_of_the_machine(error):
                raise
            self._start_anew(error)
            return job()

    def _open(self) -> None:
        if self._database is None:
            self.path.touch(mode=0o600)
            _check_header(self.path)
            self._database = _connected(self.path)
        _check(self._database)

    def _load(self) -> list[Held]:
        kept: dict[str, Held] = {}
        damaged: list[tuple[int, object]] = []
        for *columns, acknowledged, place in self._open_database.execute(_SELECT):
            row = _intact(columns)
            if row is None or row.key in kept:
                damaged.append((place, columns))
            else:
                kept[row.key] = Held(row.key, unpacked(row).event_type, acknowledged == 1)
        if damaged:
            with _transaction(self._open_database) as database:
                database.executemany("DELETE FROM alert WHERE place = ?", [(place,) for place, _ in damaged])
            self.keep_aside([columns for _, columns in damaged])
        return list(kept.values())

    def _read(self, keys: list[str]) -> dict[str, Row]:
        select = f"SELECT {_COLUMNS} FROM alert WHERE key IN ({','.join('?' * len(keys))})"  # noqa: S608 - marks only
        rows = map(_intact, self._open_database.execute(select, keys))
        return {row.key: row for row in rows if row}

    def _write(self, changes: Changes) -> None:
        with _transaction(self._open_database) as database:
            database.executemany(_INSERT, map(_columns, changes.added.values()))
            database.executemany("UPDATE alert SET acknowledged = 1 WHERE key = ?", _ones(changes.acknowledged))
            database.executemany("DELETE FROM alert WHERE key = ?", _ones(changes.forgotten))
            if not changes:
                database.execute(f"PRAGMA user_version={_VERSION}")

    def _start_anew(self, error: Exception) -> None:
        """Set the file aside and continue with a new one, into which the intact alerts go."""
        log.warning("outbox: %s: damaged, set aside as %s.damaged: %s", self.path, self.path.name, _words(error))
        damaged, self._database = self._database, None
        for suffix in ("", "-wal"):
            old = self.path.with_name(self.path.name + suffix)
            if old.exists():
                old.replace(self.path.with_name(f"{self.path.name}.damaged{suffix}"))
        self.path.touch(mode=0o600)
        self._database = _connected(self.path)
        self.set_aside = "a damaged file was set aside"
        if damaged:
            with _transaction(self._database) as database:
                database.executemany(_INSERT, _intact_rows(damaged))
            with suppress(sqlite3.Error):
                damaged.close()


def _words(error: Exception) -> str:
    return "SQLite's message is not text" if isinstance(error, UnicodeDecodeError) else str(error)


def _is_of_the_machine(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", -1) & 0xFF in _OF_THE_MACHINE


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _columns(row: Row) -> tuple[object, ...]:
    return (row.key, row.topic, row.body, row.boot, row.expires_at, row.crc, 0)


def _intact(columns: Sequence[Any]) -> Row | None:
    """Return columns as a row; None where they differ from what was written."""
    *fields, crc = columns
    if [type(value) for value in fields] != [str, str, str, str, float]:
        return None
    row = Row(*fields)
    return row if row.crc == crc else None


def _intact_rows(database: sqlite3.Connection) -> Iterator[tuple[object, ...]]:
    """Yield the columns of all intact rows of a damaged file, read from both ends of the file."""
    for order in ("", " DESC"):
        try:
            for *columns, acknowledged, _ in database.execute(_SELECT + order):
                row = _intact(columns)
                if row:
                    yield (*_columns(row)[:-1], int(acknowledged == 1))
        except (sqlite3.Error, UnicodeDecodeError, OverflowError):
            continue


class _transaction:  # noqa: N801 - reads as a verb
    """BEGIN at entry, COMMIT at exit, ROLLBACK when anything fails, including the COMMIT."""

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


def _check_header(path: Path) -> None:
    """Raise DatabaseError where the header marks the file as read-only: SQLite would never write it.

    Source: sqlite.org/fileformat.html, 1.3: bytes 18 and 19 are 1 or 2.
    """
    with path.open("rb") as file:
        header = file.read(20)
    if header and not set(header[18:20]) <= {1, 2}:
        raise sqlite3.DatabaseError("the header's versions are not SQLite's")


def _connected(path: Path) -> sqlite3.Connection:
    """Return the file opened for writing, with its table."""
    with ExitStack() as on_error:
        database = sqlite3.connect(path, isolation_level=None, timeout=0.5)
        on_error.callback(database.close)
        # a damaged file may hold bytes that are not UTF-8: such rows are set aside when they are read
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        # exclusive before WAL: no shared memory file is needed, and a second process is refused
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            database.execute(f"PRAGMA {pragma}").fetchall()
        database.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}").fetchall()
        database.execute(f"PRAGMA cache_size=-{_CACHE_KIB}").fetchall()
        if database.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
            _create(database)
        on_error.pop_all()
    return database


def _check(database: sqlite3.Connection) -> None:
    """Raise DatabaseError unless the file is intact and of a known version; upgrade one of the first version."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    findings = [row[0] for row in database.execute("PRAGMA quick_check(1)")]
    if version not in (1, _VERSION) or findings != ["ok"]:
        raise sqlite3.DatabaseError(f"version {version}, {findings[0]}")
    if version == 1:
        _upgrade(database)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        _create(new)
        if _table_info(database) != _table_info(new):
            raise sqlite3.DatabaseError("another schema")


def _create(database: sqlite3.Connection) -> None:
    with _transaction(database):
        database.execute(_TABLE)
        database.execute(f"PRAGMA user_version={_VERSION}")


def _table_info(database: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Return the columns: number, name, type, whether it may be null, default, key."""
    return database.execute("PRAGMA table_info(alert)").fetchall()


def _upgrade(database: sqlite3.Connection) -> None:
    """Add checksums to the rows of the first version, except those that are not an alert."""
    database.create_function("crc_of", 5, _crc_of)
    with _transaction(database):
        database.execute("ALTER TABLE alert ADD COLUMN crc INTEGER")
        database.execute("UPDATE alert SET crc = crc_of(key, topic, body, boot, expires_at)")
        database.execute(f"PRAGMA user_version={_VERSION}")


def _crc_of(*columns: Any) -> int | None:  # noqa: ANN401 - as SQLite has them
    try:
        row = Row(*columns)
        unpacked(row)
    except (ValueError, TypeError, AttributeError):
        return None
    return row.crc


def _ones(keys: Iterable[str]) -> list[tuple[str]]:
    return [(key,) for key in keys]
