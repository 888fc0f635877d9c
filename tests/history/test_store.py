"""The file of the history: what is kept, for how long, at what cost, and how it is found again."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from edge.errors import InputError
from edge.history import store
from edge.history.log import BURST, PER_DAY
from edge.history.query import Query
from edge.history.records import EpisodeRecord, PeopleCount
from edge.history.store import HistoryStore, episodes, people

DAY_S, NOW = 86_400.0, 1_800_000_000.0
MB = 1_000_000
ALL = Query()


def episode(number: int, *, opened: float = NOW, duration_s: float | None = 5.0, label: str = "without_mask"):
    reason = None if duration_s is None else "gone"
    return EpisodeRecord(f"{number:036d}", label, opened, duration_s, reason, 0.9, clock_synced=True)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "history-main.db"


@pytest.fixture
def opened(path):
    with closing(HistoryStore(path, days=365, max_bytes=50 * MB)) as made:
        yield made


def numbers(path: Path, query: Query = ALL, limit: int | None = None) -> list[int]:
    return [int(found.event_id) for found in episodes(path, query, limit)]


def test_what_was_written_is_read_again(opened, path):
    opened.write([episode(1)], [PeopleCount(3600, "with_mask", 2)], NOW)
    assert list(episodes(path, ALL)) == [episode(1)]
    opened.write([], [PeopleCount(3600 * 500_000, "with_mask", 2)], NOW)
    assert list(people(path)) == [PeopleCount(3600 * 500_000, "with_mask", 2)]  # the first was years old


def test_an_episode_that_goes_on_stays_one_row(opened, path):
    opened.write([episode(1, duration_s=None), episode(2)], [], NOW)
    assert [found.reason for found in episodes(path, ALL)] == ["gone", None]
    opened.write([episode(1, duration_s=9.0)], [], NOW)
    assert sorted((int(found.event_id), found.duration_s) for found in episodes(path, ALL)) == [(1, 9.0), (2, 5.0)]
    assert opened._open_rows == {}  # what has ended takes no memory


def test_an_episode_that_a_power_cut_left_open_ends_with_the_restart(path):
    for _ in range(2):
        with closing(HistoryStore(path, days=365, max_bytes=50 * MB)) as again:
            again.write([episode(1, duration_s=None)], [], NOW)
    assert [(found.duration_s, found.reason) for found in episodes(path, ALL)] == [(None, None), (None, "restart")]


def test_people_of_one_hour_are_added_up(opened, path):
    for _ in range(3):
        opened.write([], [PeopleCount(int(NOW), "with_mask", 2)], NOW)
    assert list(people(path)) == [PeopleCount(int(NOW), "with_mask", 6)]
    assert list(people(path, since=NOW + 1)) == []
    assert list(people(path, until=NOW)) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (ALL, [4, 3, 2, 1]),
        (Query(since=NOW + 1), [4, 3, 2]),
        (Query(until=NOW + 3), [3, 2, 1]),
        (Query(since=NOW + 1, until=NOW + 3), [3, 2]),
        (Query(label="incorrect_mask"), [2]),
        (Query(at_least_s=20.0), [3]),
        (Query(at_most_s=10.0), [2, 1]),
        (Query(at_least_s=5.0, at_most_s=20.0, label="without_mask"), [3, 1]),
    ],
)
def test_a_query_finds_by_time_label_and_duration(opened, path, query, found):
    rows = [
        episode(1),
        episode(2, opened=NOW + 1, label="incorrect_mask", duration_s=10.0),
        episode(3, opened=NOW + 2, duration_s=20.0),
        episode(4, opened=NOW + 3, duration_s=None),
    ]
    opened.write(rows, [], NOW)
    assert numbers(path, query) == found


def test_a_long_answer_comes_whole_and_once_though_many_began_together(opened, path):
    opened.write([episode(number, opened=NOW + number // 7) for number in range(2_500)], [], NOW)
    assert numbers(path) == list(reversed(range(2_500)))
    assert numbers(path, ALL, 1_200) == list(reversed(range(1_300, 2_500)))
    assert numbers(path, ALL, 1) == [2_499]


def test_a_reader_that_stops_half_way_does_not_keep_the_service_from_writing(opened, path):
    opened.write([episode(number) for number in range(1_500)], [], NOW)
    reading = episodes(path, ALL)
    next(reading)
    opened.write([episode(2_000)], [], NOW)


def test_what_is_older_than_the_days_is_deleted(path):
    with closing(HistoryStore(path, days=30, max_bytes=50 * MB)) as opened:
        opened.write([episode(1, opened=NOW - 31 * DAY_S), episode(2, opened=NOW - 29 * DAY_S)], [], NOW - 31 * DAY_S)
        opened.write([], [PeopleCount(int(NOW - 31 * DAY_S), "with_mask", 1)], NOW)
        assert numbers(path) == [2]
        assert list(people(path)) == []


def test_the_file_keeps_to_its_size_and_to_the_newest(path):
    with closing(HistoryStore(path, days=365, max_bytes=1 * MB)) as opened:
        for first in range(0, 20_000, 500):
            opened.write([episode(number, opened=NOW + number) for number in range(first, first + 500)], [], NOW)
    kept = numbers(path)
    assert path.stat().st_size < 1.15 * MB
    assert kept == list(range(19_999, 19_999 - len(kept), -1))
    assert len(kept) > 5_000


def written_bytes() -> int:
    """Return the bytes that this thread has handed to the kernel. Source: proc(5), /proc/pid/io, wchar."""
    text = Path(f"/proc/self/task/{threading.get_native_id()}/io").read_text()
    return int(text.split("wchar: ")[1].split()[0])


def test_a_busy_day_writes_at_most_five_megabytes(path):
    with closing(HistoryStore(path, days=365, max_bytes=20 * MB)) as opened:
        for first in range(0, 40_000, 2_000):
            opened.write([episode(number, opened=NOW + number) for number in range(first, first + 2_000)], [], NOW)
        before, commits = written_bytes(), PER_DAY + BURST
        for number in range(commits):  # 2,000 episodes a day, of which one in four is written open first
            rows = [episode(200_000 + 25 * number + k, opened=NOW + 200_000 + number) for k in range(25)]
            counts = [PeopleCount(int(NOW) + 3600 * (24 * number // commits), label, 3) for label in ("with_mask", "x")]
            opened.write(rows, counts, NOW)
        written = written_bytes() - before
        print(f"{written / MB:.2f} MB in {commits} transactions")
        assert 0 < written < 5 * MB


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path, caplog):
    path.write_bytes(b"not a database, but as long as the header of one, which is one hundred bytes" * 3)
    with closing(HistoryStore(path, days=365, max_bytes=50 * MB)) as opened:
        opened.write([episode(1)], [], NOW)
    assert numbers(path) == [1]
    assert path.with_name("history-main.db.damaged").read_bytes().startswith(b"not a database")
    assert "is set aside" in caplog.text


def test_a_file_that_is_damaged_while_it_is_open_is_set_aside_too(path):
    with closing(HistoryStore(path, days=365, max_bytes=50 * MB)) as opened:
        opened.write([episode(number) for number in range(200)], [], NOW)
        path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))
        with closing(sqlite3.connect(path)) as other:  # another writer, so that the cached pages are read again
            other.execute("PRAGMA user_version = 1")
        with pytest.raises(sqlite3.DatabaseError):
            opened.write([episode(1_000)], [], NOW)
        opened.write([episode(1_000)], [], NOW)
    assert numbers(path) == [1_000]


def test_a_file_of_a_newer_version_is_left_alone(path):
    HistoryStore(path, days=365, max_bytes=50 * MB).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 9")
    with pytest.raises(sqlite3.OperationalError, match="newer maskwatch"):
        HistoryStore(path, days=365, max_bytes=50 * MB)
    assert [found.name for found in path.parent.glob("*damaged*")] == []


def test_no_history_and_a_broken_one_are_named(path):
    with pytest.raises(InputError, match="no history yet"):
        next(episodes(path, ALL))
    path.write_bytes(b"\0\1" * 200)
    with pytest.raises(InputError, match="cannot be read"):
        next(episodes(path, ALL))


def test_the_camera_is_in_the_name_of_the_file():
    assert store.camera_of(Path("/x/history-gate-2.db")) == "gate-2"
