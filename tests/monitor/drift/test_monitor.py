"""The sink that watches for drift: whom it observes, what it reports, and when there is a problem."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.data import Faces, Mask
from edge.monitor.drift.monitor import DriftMonitor
from tests.support import fakes
from tests.support.contract import validator
from tests.support.drift import DETECTOR, REFERENCE, drawn, settle


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def monitor(clock=None, reference=REFERENCE, path=None, persist_s=3600.0) -> DriftMonitor:
    return DriftMonitor(reference, DETECTOR, persist_s=persist_s, hour=lambda: 9, path=path, monotonic=clock or Clock())


def scene(*tracks):
    """Return a scene in which every track was classified."""
    boxes = np.array([[10, 10, 40, 50]] * len(tracks), np.float32)
    faces = Faces(boxes, np.full(len(tracks), 0.8, np.float32))
    return replace(
        fakes.scene(tracks),
        faces=faces,
        classified=tuple(range(len(tracks))),
        verdicts=fakes.verdicts(*[Mask.WITH_MASK] * len(tracks)),
    )


def person(number: int, seen_s: float = 2.0, face: int = 0):
    return replace(fakes.track(number), face=face, first_seen=0.0, last_seen=seen_s)


def test_a_person_is_observed_once_however_often_they_are_classified():
    watcher = monitor()
    for _ in range(5):
        watcher.put(scene(person(1), person(2, face=1)))
    assert watcher.windows.faces == 2


def test_who_has_been_in_sight_for_less_than_a_second_is_not_observed_yet():
    watcher = monitor()
    watcher.put(scene(person(1, seen_s=0.9)))
    assert watcher.windows.faces == 0
    watcher.put(scene(person(1, seen_s=1.0)))
    assert watcher.windows.faces == 1


def test_only_the_people_in_sight_are_remembered():
    watcher = monitor()
    for number in range(100):
        watcher.put(scene(person(number)))
    assert watcher._observed == {99}


def test_a_frame_in_which_nobody_was_classified_adds_nothing():
    watcher = monitor()
    watcher.put(fakes.scene((person(1),)))
    watcher.put(replace(scene(person(1)), frame=None))
    assert watcher.windows.faces == 0


def test_without_a_reference_it_reports_that_and_observes_nobody():
    watcher = monitor(reference=None)
    watcher.put(scene(person(1)))
    assert watcher.report() == {"state": "no_reference"}
    assert watcher.stats()["windows"] == 0
    assert watcher.problem == ""
    watcher.close()


def test_drift_is_a_problem_once_it_has_lasted():
    clock = Clock()
    watcher = monitor(clock)
    settle(watcher, drawn(1500))
    assert watcher.state == "ok"
    settle(watcher, drawn(300, 1, brightness=-4))
    assert (watcher.state, watcher.problem) == ("drift", "")
    assert not watcher.report()["problem"]
    clock.now_s = 3601.0
    assert watcher.report()["problem"]
    assert watcher.problem.startswith("drift: ")
    assert "darker images" in watcher.problem
    settle(watcher, drawn(150, 2))
    assert (watcher.state, watcher.problem) == ("ok", "")


@pytest.mark.parametrize("faces", [0, 150, 1500])
def test_the_report_keeps_its_schema(faces):
    watcher = monitor()
    settle(watcher, drawn(faces))
    head = {"schema": 1, "session": "s", "t": "2026-11-27T11:06:21.736Z"}
    assert [error.message for error in validator("drift.json").iter_errors(head | watcher.report())] == []
    assert watcher.report()["state"] == ("ok" if faces == 1500 else "learning")


def test_what_is_learned_is_written_once_an_hour_and_at_the_end(tmp_path):
    """The newest 150 faces are not learned from before they have left the window."""
    clock, path = Clock(), tmp_path / "drift.npz"
    watcher = monitor(clock, path=path)
    settle(watcher, drawn(1500))
    assert not path.exists()
    clock.now_s = 3600.0
    settle(watcher, drawn(150, 1))
    assert monitor(path=path).windows.baseline.faces == 1400
    settle(watcher, drawn(150, 2))
    assert monitor(path=path).windows.baseline.faces == 1400
    watcher.close()
    assert monitor(path=path).windows.baseline.faces == 1650
    assert monitor(path=path).state == "ok"
