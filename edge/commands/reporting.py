"""How commands report: progress, errors about single inputs, and results as JSON or as a table."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.text import Text as RichText

from edge.commands.options import is_quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Task
    from rich.table import Table

    from edge.batch.outputs import Text
    from edge.errors import EdgeError

_LISTED = 20
"""Bad inputs that are listed on a terminal, which scrolls; a file or a log gets all of them."""
_LOG_EVERY_S = 30.0
"""Time between two lines of progress where there is no terminal: rare in a log, and often enough to see it go on."""


class Report:
    """Progress, as a bar on a terminal and as a line now and then elsewhere; at the end the bad inputs with reasons."""

    def __init__(self, console: Console, *, quiet: bool = False, log_every_s: float = _LOG_EVERY_S) -> None:
        """Report on `console`; if `quiet`, only errors and warnings."""
        self.unreadable = 0
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), _Standing(lambda: self.unreadable))
        hidden = quiet or not console.is_terminal
        self.progress = Progress(*columns, console=console, transient=True, disable=hidden)
        self._console = console
        self._bad: list[str] = []
        self._log_every_s = log_every_s
        self._ended = threading.Event()
        self._log = threading.Thread(target=self._log_progress, name="progress", daemon=True)
        self._logs = hidden and not quiet

    def print(self, error: EdgeError | str) -> None:
        """Print an error or a warning about one input."""
        self._console.print(f"maskwatch: {error}", markup=False, highlight=False, soft_wrap=True)

    def count(self, error: EdgeError) -> None:
        """Count an input that could not be read, and keep its error for the list at the end."""
        self.unreadable += 1
        self._bad.append(str(error))

    def print_line(self, line: str) -> None:
        """Print a line of the result on standard output, not in the middle of the bar."""
        from edge.batch.outputs import StandardOutput

        self.progress.stop()
        StandardOutput().write(f"{line}\n")
        self.progress.start()

    def __enter__(self) -> Self:
        self.progress.start()
        if self._logs:
            self._log.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        if self._logs:
            self._log.join(timeout=1)
        self.progress.stop()
        listed = _LISTED if self._console.is_terminal else len(self._bad)
        for sentence in self._bad[:listed]:
            self.print(sentence)
        if (more := len(self._bad) - listed) > 0:
            self.print(f"{more} more like these; to get them all, add: 2> FILE")

    def _log_progress(self) -> None:
        while not self._ended.wait(self._log_every_s):
            for task in self.progress.tasks:
                self.print(f"{task.description}: {standing(task, self.unreadable)}")


class _Standing(ProgressColumn):
    """How far a task is, in words."""

    def __init__(self, bad: Callable[[], int]) -> None:
        super().__init__()
        self._bad = bad

    def render(self, task: Task) -> RichText:
        return RichText(standing(task, self._bad()))


def standing(task: Task, bad: int) -> str:
    """Return how far a task is: done of all, rate, time left, and how many inputs were bad so far."""
    total = f" of {task.total:.0f}" if task.total else ""
    parts = [f"{task.completed:.0f}{total}"]
    if task.speed:
        parts.append(f"{task.speed:.1f} per second" if task.speed >= 1 else f"{60 * task.speed:.1f} per minute")
    if task.time_remaining:
        parts.append(f"{duration(task.time_remaining)} left")
    if bad:
        parts.append(f"{bad} bad")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a duration by its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_of_hour} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def new_report() -> Report:
    """Return a report on standard error."""
    return Report(Console(stderr=True), quiet=is_quiet())


@contextmanager
def reporting() -> Iterator[Report]:
    """Show progress, and end with exit code 1 if an input could not be read."""
    with new_report() as report:
        yield report
    if report.unreadable:
        raise typer.Exit(1)


def write_result(out: Text | None, text: str, table: Table) -> None:
    """Write JSON to the opened file, and print the table unless the JSON was printed."""
    from edge.batch.outputs import StandardOutput

    if out:
        out.write(text)
    if not isinstance(out, StandardOutput):
        Console().print(table)
