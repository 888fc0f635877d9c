"""How a long command reports: how far it is, and at the end what was bad."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from edge.commands.reporting import Report, duration, standing
from edge.errors import CameraError
from tests.support.fakes import eventually


def task_after(done: int, total: int | None, elapsed_s: float):
    now = [0.0]
    progress = Progress(get_time=lambda: now[0], disable=True)
    task = progress.add_task("classifying", total=total)
    for _ in range(done):
        now[0] += elapsed_s / done
        progress.advance(task)
    return progress.tasks[0]


@pytest.mark.parametrize(
    ("done", "total", "elapsed_s", "bad", "words"),
    [
        (0, 5000, 0, 0, "0 of 5000"),
        (101, 5000, 10.1, 0, "101 of 5000, 10.0 per second, 8 min 10 s left"),
        (10, 5000, 20, 3, "10 of 5000, 30.0 per minute, 2 h 46 min left, 3 bad"),
        (10, None, 1, 0, "10, 10.0 per second"),
    ],
)
def test_progress_is_done_of_all_with_rate_time_left_and_bad_inputs(done, total, elapsed_s, bad, words):
    assert standing(task_after(done, total, elapsed_s), bad) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7300, "2 h 1 min")]
)
def test_a_duration_has_its_two_largest_units(seconds, words):
    assert duration(seconds) == words


def report_into(text: io.StringIO, **how) -> Report:
    return Report(Console(file=text, width=80), **how)


def test_bad_inputs_are_listed_at_the_end():
    text = io.StringIO()
    with report_into(text) as report:
        for number in range(23):
            report.count(CameraError(f"{number}.jpg: is not an image"))
        assert text.getvalue() == ""
    assert text.getvalue().splitlines() == [f"maskwatch: {number}.jpg: is not an image" for number in range(23)]
    assert report.unreadable == 23


@pytest.mark.parametrize(
    ("number", "last"), [(20, "19.jpg: bad"), (23, "3 more like these; to get them all, add: 2> FILE")]
)
def test_a_terminal_gets_the_first_twenty_bad_inputs(number, last):
    text = io.StringIO()
    with Report(Console(file=text, width=80, force_terminal=True), quiet=True) as report:
        for each in range(number):
            report.count(CameraError(f"{each}.jpg: bad"))
    lines = [line for line in text.getvalue().splitlines() if "maskwatch: " in line]
    assert len(lines) == min(number, 21)
    assert lines[-1] == f"maskwatch: {last}"


def test_bad_inputs_are_listed_after_ctrl_c_too():
    text = io.StringIO()

    def interrupted() -> None:
        with report_into(text) as report:
            report.count(CameraError("a.jpg: is not an image"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert text.getvalue() == "maskwatch: a.jpg: is not an image\n"


def test_without_a_terminal_a_line_comes_now_and_then():
    text = io.StringIO()
    with report_into(text, log_every_s=0.01) as report:
        task = report.progress.add_task("[b]files[/b]", total=8)
        report.progress.advance(task)
        assert eventually(lambda: text.getvalue().count("\n") >= 2)
    assert text.getvalue().splitlines()[0].startswith("maskwatch: [b]files[/b]: 1 of 8")


def test_a_quiet_report_lists_only_what_is_bad():
    text = io.StringIO()
    with report_into(text, quiet=True, log_every_s=0.001) as report:
        report.progress.add_task("files", total=8)
        report.count(CameraError("a.jpg: is not an image"))
        assert not eventually(text.getvalue, 0.2)
    assert text.getvalue() == "maskwatch: a.jpg: is not an image\n"


def test_on_a_terminal_it_is_a_bar_that_disappears():
    text = io.StringIO()
    with Report(Console(file=text, width=120, force_terminal=True), log_every_s=0.001) as report:
        task = report.progress.add_task("[b]classifying", total=8)
        report.count(CameraError("a.jpg: is not an image"))
        report.progress.advance(task)
        report.progress.refresh()
        shown = text.getvalue()
    assert "[b]classifying" in shown
    assert "1 of 8" in shown
    assert "1 bad" in shown
    assert "maskwatch" not in shown
