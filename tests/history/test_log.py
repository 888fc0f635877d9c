"""The sink that keeps the history: what of a scene is kept, when it is on disk, and what a broken disk costs."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from edge.clock import Clock
from edge.data import EventType, Mask, Reason
from edge.history.log import BURST, PER_DAY, HistoryLog, WriteBudget, hour_of
from edge.history.query import Query
from edge.history.store import HistoryStore, episodes, people
from tests.support import fakes
from tests.support.fakes import eventually
from tests.support.messages import alert

WALL = 1_800_000_000.0
ALL = Query()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "state/history-main.db"


@pytest.fixture
def log(path):
    made = HistoryLog(path, Clock(wall=lambda: WALL), days=365, max_bytes=10**8, step_s=0.01)
    yield made
    made.close()


def scene(*alerts, tracks=()):
    return fakes.scene(tracks, alerts, (), decided_at=Clock().monotonic())


def start(name: str, kind: EventType = EventType.START, **more):
    return replace(alert(event_id=name, event_type=kind, **more), since=10.0, raised_at=12.5)


def test_an_episode_is_on_disk_soon_with_its_beginning_and_its_end(log, path):
    log.put(scene(start("a")))
    assert eventually(lambda: path.exists() and list(episodes(path, ALL)))
    (row,) = episodes(path, ALL)
    assert (row.event_id, row.label, row.duration_s, row.reason) == ("a", "without_mask", None, None)
    assert row.opened == pytest.approx(WALL - 2.5, abs=0.5)
    log.put(scene(start("a", EventType.END, seq=1, reason=Reason.GONE)))
    assert eventually(lambda: next(iter(episodes(path, ALL))).reason == "gone")
    assert [row.duration_s for row in episodes(path, ALL)] == [2.5]


def test_what_the_last_scene_brought_is_kept_at_the_end(path):
    log = HistoryLog(path, Clock(wall=lambda: WALL), days=365, max_bytes=10**8, step_s=600)
    log.put(scene(start("a"), start("b")))
    log.close()
    assert {row.event_id for row in episodes(path, ALL)} == {"a", "b"}


def test_each_person_is_counted_once_in_the_hour_of_the_entry(log, path):
    seen = fakes.track(1, Mask.WITH_MASK)
    for tracks in ((seen,), (seen, fakes.track(2)), (seen, fakes.track(2)), (fakes.track(3, Mask.UNSURE),)):
        log.put(scene(tracks=tracks))
    log.close()
    assert {(row.hour, row.label, row.people) for row in people(path)} == {
        (hour_of(WALL), "with_mask", 1),
        (hour_of(WALL), "without_mask", 1),
    }


def test_people_are_counted_over_midnight(path):
    days = iter([date(2027, 1, 15)] * 2 + [date(2027, 1, 16)] * 9)
    clock = Clock(wall=lambda: WALL)
    clock.today = lambda: next(days)
    log = HistoryLog(path, clock, days=365, max_bytes=10**8, step_s=600)
    for number in (1, 2, 3):
        log.put(scene(tracks=(fakes.track(number),)))
    log.close()
    assert sum(row.people for row in people(path)) == 3


def test_a_clock_that_was_never_set_counts_no_hour(path):
    log = HistoryLog(path, Clock(wall=lambda: 1_000.0), days=365, max_bytes=10**8, step_s=600)
    log.put(scene(start("a"), tracks=(fakes.track(),)))
    log.close()
    assert list(people(path)) == []
    assert [row.clock_synced for row in episodes(path, ALL)] == [False]


def test_a_disk_that_refuses_is_a_problem_and_nothing_is_lost_when_it_is_back(path):
    path.parent.write_text("a file where the folder should be")
    log = HistoryLog(path, Clock(wall=lambda: WALL), days=365, max_bytes=10**8, step_s=0.01)
    log.put(scene(start("a"), tracks=(fakes.track(),)))
    assert eventually(lambda: log.problem.startswith("disk: "))
    log.put(scene(start("a", EventType.END, seq=1, reason=Reason.GONE), start("b")))
    path.parent.unlink()
    log.close()
    assert log.problem == ""
    assert {(row.event_id, row.reason) for row in episodes(path, ALL)} == {("a", "gone"), ("b", None)}
    assert sum(row.people for row in people(path)) == 1


def test_an_end_that_comes_while_a_write_fails_is_not_undone(path, monkeypatch):
    log = HistoryLog(path, Clock(wall=lambda: WALL), days=365, max_bytes=10**8, step_s=0.01)
    written, again = HistoryStore.write, threading.Event()

    def fails_once(store, episodes, *others):
        if not episodes:
            return written(store, episodes, *others)
        monkeypatch.setattr(HistoryStore, "write", written)
        log.put(scene(start("a", EventType.END, seq=1, reason=Reason.GONE)))
        again.set()
        raise sqlite3.OperationalError("the disk is full")

    monkeypatch.setattr(HistoryStore, "write", fails_once)
    log.put(scene(start("a")))
    assert again.wait(30)
    log.close()
    assert [row.reason for row in episodes(path, ALL)] == ["gone"]


def test_the_end_is_written_though_the_day_s_transactions_are_used_up(path, monkeypatch):
    monkeypatch.setattr("edge.history.log.BURST", 0)
    log = HistoryLog(path, Clock(wall=lambda: WALL), days=365, max_bytes=10**8, step_s=600)
    log.put(scene(start("a")))
    log.close()
    assert [row.event_id for row in episodes(path, ALL)] == ["a"]


def test_memory_is_bounded_while_the_disk_refuses(path, monkeypatch):
    monkeypatch.setattr("edge.history.log._MOST_WAITING", 3)
    log = HistoryLog(path, Clock(wall=lambda: WALL), days=365, max_bytes=10**8, step_s=600)
    log.put(scene(*(start(f"{number}") for number in range(5))))
    log.put(scene(start("1", EventType.END, seq=1, reason=Reason.GONE)))
    log.close()
    assert log.dropped == 2
    assert {(row.event_id, row.reason) for row in episodes(path, ALL)} == {("0", None), ("1", "gone"), ("2", None)}


def test_the_transactions_of_a_day_are_bounded():
    budget = WriteBudget(PER_DAY, BURST)
    first_hour = sum(budget.take(at) for at in range(3600))
    assert first_hour == BURST + PER_DAY // 24
    assert sum(budget.take(3600 + at) for at in range(0, 86_400, 10)) == pytest.approx(PER_DAY, abs=1)


def test_the_hour_is_the_local_one(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")  # half an hour beside the others
    time.tzset()
    try:
        assert (hour_of(WALL) + 5.5 * 3600) % 3600 == 0
        assert 0 <= WALL - hour_of(WALL) < 3600
    finally:
        monkeypatch.undo()
        time.tzset()
