"""The file of the history: an SQLite database of bounded size and age, written in few and short transactions."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from edge.errors import InputError
from edge.history.records import COLUMNS, EpisodeRecord, PeopleCount

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from edge.history.query import Query

log = logging.getLogger(__name__)

_VERSION = 1
_TABLES = """
CREATE TABLE episode (
    id INTEGER PRIMARY KEY, event_id TEXT NOT NULL, label TEXT NOT NULL, opened REAL NOT NULL, duration_s REAL,
    reason TEXT, confidence REAL NOT NULL, clock_synced INTEGER NOT NULL);
CREATE INDEX episode_opened ON episode (opened);
CREATE TABLE people (hour INTEGER, label TEXT, people INTEGER NOT NULL, PRIMARY KEY (hour, label)) WITHOUT ROWID;
"""
# no index over event_id: random keys would change one more page for every episode
_INSERT = f"INSERT INTO episode ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - ours
_UPDATE = f"UPDATE episode SET {', '.join(f'{name} = ?' for name in COLUMNS)} WHERE id = ?"  # noqa: S608 - ours
_COUNT = "INSERT INTO people VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET people = people + excluded.people"
_BUSY_S = 2.0
_CACHE_KIB = 256
_DAY_S = 86_400.0
_OUT_OF_DATE = 500
"""Most episodes that one transaction deletes for their age: a shorter limit takes effect over a day, not at once."""
_CHUNK, _OPENED = 1_000, 1 + COLUMNS.index("opened")
_RESTART = "restart"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class HistoryStore:
    """The open file; belongs to the thread that opened it.

    With a rollback journal, which lets users who may only read the file read it while it is written; WAL would not.
    Source: sqlite.org/wal.html, section 5.
    """

    def __init__(self, path: Path, *, days: int, max_bytes: int) -> None:
        """Open or create the file; one that is damaged is set aside as NAME.damaged.

        days, max_bytes: what is older, and the oldest of what does not fit, is deleted.

        Raises:
            sqlite3.Error, OSError: it cannot be opened or written, or is of a newer version.
        """
        self._days, self._max_bytes = days, max_bytes
        self._open_rows: dict[str, int] = {}
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        try:
            self._database = _opened(path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._set_aside(error)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def write(self, episodes: Collection[EpisodeRecord], counts: Iterable[PeopleCount], now: float) -> None:
        """Write in one transaction, and delete what is too old at `now`, seconds since 1970, or does not fit.

        Raises:
            sqlite3.Error: nothing was written; what follows is written into a new file if this one is damaged.
        """
        try:
            self._write_all(episodes, counts, now)
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                self._database.close()
                self._set_aside(error)
            raise

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Begin a new file, and keep the damaged one next to it."""
        log.warning("history: %s: %s; it is set aside as %s.damaged", self._path, error, self._path.name)
        self._path.replace(self._path.with_name(f"{self._path.name}.damaged"))
        self._open_rows = {}
        self._database = _opened(self._path)

    def _write_all(self, episodes: Collection[EpisodeRecord], counts: Iterable[PeopleCount], now: float) -> None:
        open_rows = dict(self._open_rows)
        with self._database as database:
            for episode in episodes:
                self._write(episode, open_rows)
            database.executemany(_COUNT, [(count.hour, count.label, count.people) for count in counts])
            self._delete_old(now)
            self._delete_beyond(2 * len(episodes) + 1)
        self._open_rows = open_rows

    def _write(self, episode: EpisodeRecord, open_rows: dict[str, int]) -> None:
        """Write an episode anew or over its row; `open_rows` has the rows of those that are open."""
        values = tuple(getattr(episode, name) for name in COLUMNS)
        row = open_rows.pop(episode.event_id, None)
        if row is None:
            row = self._database.execute(_INSERT, values).lastrowid
        else:
            self._database.execute(_UPDATE, (*values, row))
        if episode.reason is None and row is not None:
            open_rows[episode.event_id] = row

    def _delete_old(self, now: float) -> None:
        oldest = now - self._days * _DAY_S
        old = "SELECT id FROM episode WHERE opened < ? ORDER BY opened LIMIT ?"
        self._database.execute(f"DELETE FROM episode WHERE id IN ({old})", (oldest, _OUT_OF_DATE))  # noqa: S608 - ours
        self._database.execute("DELETE FROM people WHERE hour < ?", (oldest,))

    def _delete_beyond(self, count: int) -> None:
        """Delete the oldest `count` episodes where the file is full; their pages are used again."""
        pages, free, size = (
            self._database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size > self._max_bytes:
            oldest = "SELECT id FROM episode ORDER BY id LIMIT ?"
            self._database.execute(f"DELETE FROM episode WHERE id IN ({oldest})", (count,))  # noqa: S608 - ours


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return whether an error is in the file, and not in the disk or in permissions, which may pass."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S)
    with ExitStack() as on_error:
        on_error.callback(database.close)
        database.execute("PRAGMA journal_mode = TRUNCATE")
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        _prepare(database)
        on_error.pop_all()
    return database


def _prepare(database: sqlite3.Connection) -> None:
    """Create the tables; mark the episodes that an earlier run left open."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise sqlite3.OperationalError(f"is of version {version}, which a newer maskwatch has written")
    if version == 0:
        database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
    with database:
        database.execute("UPDATE episode SET reason = ? WHERE reason IS NULL", (_RESTART,))


def camera_of(path: Path) -> str:
    """Return the camera whose history a file is."""
    return path.stem.removeprefix("history-")


def episodes(path: Path, query: Query, limit: int | None = None) -> Iterator[EpisodeRecord]:
    """Yield the newest `limit` episodes of a file that a query asks for, newest first.

    They are read a thousand at a time, so that a slow reader of a long answer does not keep the service from writing.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    given, last = 0, None
    while limit is None or given < limit:
        rows = _chunk(path, query, last, _CHUNK if limit is None else min(_CHUNK, limit - given))
        for row in rows:
            yield EpisodeRecord(**dict(zip(COLUMNS, row[1:], strict=True)) | {"clock_synced": bool(row[-1])})
        if len(rows) < _CHUNK:
            return
        given += len(rows)
        last = (rows[-1][_OPENED], rows[-1][0])


def _chunk(path: Path, query: Query, last: tuple[float, int] | None, count: int) -> list[tuple[Any, ...]]:
    """Return rows of (id, *COLUMNS) that follow the one with the time and id `last`."""
    terms = {
        "opened >= ?": query.since,
        "opened < ?": query.until,
        "label = ?": query.label,
        "duration_s >= ?": query.at_least_s,
        "duration_s <= ?": query.at_most_s,
    }
    asked: dict[str, tuple[object, ...]] = {term: (value,) for term, value in terms.items() if value is not None}
    asked |= {"(opened, id) < (?, ?)": last} if last else {}
    where = f" WHERE {' AND '.join(asked)}" if asked else ""
    select = f"SELECT id, {', '.join(COLUMNS)} FROM episode{where} ORDER BY opened DESC, id DESC LIMIT ?"  # noqa: S608 - ours
    with _reading(path) as database:
        return database.execute(select, (*(value for values in asked.values() for value in values), count)).fetchall()


def people(path: Path, since: float | None = None, until: float | None = None) -> Iterator[PeopleCount]:
    """Yield the counts of the hours that begin from `since` to before `until`, oldest first.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    select = "SELECT hour, label, people FROM people WHERE hour >= ? AND hour < ? ORDER BY hour, label"
    bounds = (float("-inf") if since is None else since, float("inf") if until is None else until)
    with _reading(path) as database:
        for row in database.execute(select, bounds):
            yield PeopleCount(*row)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise InputError(f"{path}: there is no history yet; fix: let maskwatch run, with history.enabled = true")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)) as database:
            yield database
    except sqlite3.Error as error:
        raise InputError(f"{path}: the history cannot be read: {error}") from error
