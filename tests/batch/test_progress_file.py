"""The progress of a batch on disk: what is finished is not done again, and what does not fit is refused by name."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress

import pytest

from edge.batch.inputs import Task
from edge.batch.progress_file import Spool
from edge.errors import ConfigError, OutputError

IDENTITY = {"version": "1", "alert.dwell_s": 1.0}


@pytest.fixture
def place(tmp_path):
    return tmp_path / "faces.jsonl.progress"


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"image")
    return Task(path)


def interrupted(place, task):
    """Leave a progress file with one result, as a killed run does."""
    with suppress(KeyboardInterrupt), Spool(place, IDENTITY) as spool:
        spool.keep(task, b"result")
        raise KeyboardInterrupt


def test_what_is_finished_is_there_after_an_interruption_and_gone_after_the_end(place, task):
    interrupted(place, task)
    with Spool(place, IDENTITY) as spool:
        assert spool.has(task)
        assert spool.take(task) == b"result"
        assert spool.standing(5, 1) == f"{place}: goes on after 1 of 5 inputs"
    assert not place.exists()


def test_a_run_that_finished_nothing_leaves_no_file(place):
    with pytest.raises(KeyboardInterrupt), Spool(place, IDENTITY):
        raise KeyboardInterrupt
    assert not place.exists()


@pytest.mark.parametrize("changed", ["size", "time"])
def test_an_input_that_has_changed_is_read_again(place, task, changed):
    interrupted(place, task)
    if changed == "size":
        before = task.path.stat()
        task.path.write_bytes(b"a longer image")
        os.utime(task.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        os.utime(task.path, ns=(1, 1))
    with Spool(place, IDENTITY) as spool:
        assert not spool.has(task)
        assert spool.standing(5, 0).endswith("; 1 have changed since, and are read again")


def test_a_drawing_that_is_gone_is_drawn_again(place, task, tmp_path):
    drawn = Task(task.path, drawing=tmp_path / "drawn.jpg")
    drawn.drawing.write_bytes(b"drawn")
    interrupted(place, drawn)
    drawn.drawing.unlink()
    with Spool(place, IDENTITY) as spool:
        assert not spool.has(drawn)


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        ({**IDENTITY, "alert.dwell_s": 2.0}, "alert.dwell_s was 1.0 and is 2.0"),
        ({**IDENTITY, "version": "2"}, "version was 1 and is 2"),
        ({**IDENTITY, "face model": "f" * 64}, f"face model was None and is {'f' * 12}…"),
    ],
)
def test_a_setting_version_or_model_that_differs_is_named_and_the_progress_kept(place, task, now, sentence):
    interrupted(place, task)
    with pytest.raises(ConfigError, match="is the progress of a run that differs") as refused:
        Spool(place, now)
    assert sentence in str(refused.value)
    assert "fix: go on as it began, or delete the file" in str(refused.value)
    with Spool(place, IDENTITY) as spool:
        assert spool.has(task)


def test_a_second_run_on_the_same_progress_is_refused(place, task):
    with Spool(place, IDENTITY) as spool:
        spool.keep(task, b"result")
        with pytest.raises(OutputError, match="another run is using it; fix: wait, or name another output"):
            Spool(place, IDENTITY)
        assert spool.has(task)


def test_progress_of_another_version_is_refused_and_left_alone(place, task):
    interrupted(place, task)
    base = sqlite3.connect(place)
    base.execute("PRAGMA user_version = 2")
    base.close()
    content = place.read_bytes()
    with pytest.raises(ConfigError, match=r"another version of maskwatch \(format 2, here 1\); fix: "):
        Spool(place, IDENTITY)
    assert place.read_bytes() == content


@pytest.mark.parametrize("kind", ["text", "another database"])
def test_a_file_that_is_no_progress_file_is_refused_and_left_alone(place, kind):
    if kind == "text":
        place.write_text("rows of somebody " * 100)
    else:
        base = sqlite3.connect(place)
        base.execute("CREATE TABLE rows (a)")
        base.close()
    content = place.read_bytes()
    with pytest.raises(ConfigError, match=r"no(t a)? progress file.*; fix: move it away"):
        Spool(place, IDENTITY)
    assert place.read_bytes() == content


def test_a_name_that_is_not_utf_8_is_kept(place, tmp_path):
    path = tmp_path / os.fsdecode(b"gr\xfcn.png")
    path.write_bytes(b"image")
    interrupted(place, Task(path))
    with Spool(place, IDENTITY) as spool:
        assert spool.take(Task(path)) == b"result"
