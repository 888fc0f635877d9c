"""How commands report: progress, errors about single inputs, and results as JSON or as a table."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import Progress

from edge.commands.options import is_quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from edge.batch.outputs import Text
    from edge.errors import EdgeError


@dataclass(slots=True)
class Report:
    """Progress on a terminal, and how many inputs could not be read."""

    console: Console
    progress: Progress
    unreadable: int = 0

    def print(self, error: EdgeError | str) -> None:
        """Print an error or a warning about one input."""
        self.console.print(f"maskwatch: {error}", markup=False, highlight=False, soft_wrap=True)

    def count(self, error: EdgeError) -> None:
        """Print the error of an input that could not be read, and count it."""
        self.unreadable += 1
        self.print(error)


def new_report() -> Report:
    """Return a report on standard error: with a progress bar on a terminal, unless the command is quiet."""
    console = Console(stderr=True)
    hidden = is_quiet() or not console.is_terminal
    return Report(console, Progress(console=console, transient=True, disable=hidden))


@contextmanager
def reporting() -> Iterator[Report]:
    """Show progress, and end with exit code 1 if an input could not be read."""
    report = new_report()
    with report.progress:
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
