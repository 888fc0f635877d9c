"""One call of `detect`: from inputs through an executor to the outputs, in the order of the inputs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge.batch.outputs import to_line
from edge.batch.records import Kind, Record, packed, unpacked
from edge.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from rich.progress import Progress

    from edge.batch.engine import Engine
    from edge.batch.inputs import Task
    from edge.batch.outputs import Text
    from edge.batch.progress_file import Spool
    from edge.batch.rows import RowWriter
    from edge.errors import EdgeError


class Notes(Protocol):
    """Shows progress, and prints notes."""

    progress: Progress

    def print(self, error: str, /) -> None:
        """Print a note."""
        ...


class Executor(Protocol):
    """Classifies inputs somewhere."""

    def results(self, tasks: Iterable[Task]) -> Generator[tuple[Task, bytes], None, None]:
        """Yield each input with its packed result, in any order."""
        ...


@dataclass(frozen=True, slots=True)
class Serial:
    """Classifies one input after another in this process."""

    engine: Engine
    progress: Progress

    def results(self, tasks: Iterable[Task]) -> Generator[tuple[Task, bytes], None, None]:
        """Yield each input with its packed result, in order."""
        for task in tasks:
            with closing(self.engine.records(task, self.progress)) as records:
                content = packed(records)
            yield task, content


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where records go; `on_summary` and `on_digest` take a line of each file for a person."""

    writers: Sequence[RowWriter] = ()
    alerts: Text | None = None
    on_summary: Callable[[str], None] = lambda _line: None
    on_digest: Callable[[str, str], None] = lambda _source, _digest: None
    on_bad: Callable[[EdgeError], None] = lambda _error: None

    def take(self, record: Record) -> None:
        """Write a record.

        Raises:
            OutputError: an output cannot be written.
        """
        if record.kind is Kind.ROW:
            for writer in self.writers:
                writer.write(record.value)
        elif record.kind is Kind.ALERT and self.alerts is not None:
            self.alerts.write(to_line(record.value))
        elif record.kind is Kind.SUMMARY:
            self.on_summary(record.value)
        elif record.kind is Kind.DIGEST:
            self.on_digest(record.source, record.value)
        elif record.kind is Kind.BAD:
            self.on_bad(CameraError(record.value))


def stream(tasks: Sequence[Task], engine: Engine, outputs: Outputs, progress: Progress) -> None:
    """Classify inputs one after another, and write each record as soon as it is known; nothing is kept.

    Raises:
        OutputError: an output cannot be written; what has been written so far is kept.
    """
    bar = progress.add_task("classifying", total=len(tasks))
    for task in tasks:
        with closing(engine.records(task, progress)) as records:
            for record in records:
                outputs.take(record)
        progress.advance(bar)


def spooled(tasks: Sequence[Task], executor: Executor, spool: Spool, outputs: Outputs, report: Notes) -> None:
    """Classify the inputs that have no result yet, and write all results in the order of the inputs.

    Results that are early wait in the spool, on disk: memory stays flat however late the first one is.

    Raises:
        OutputError: an output or the spool cannot be written; what has been written so far is kept.
    """
    missing = {task for task in tasks if not spool.has(task)}
    todo = [task for task in dict.fromkeys(tasks) if task in missing]
    if note := spool.standing(len(tasks), len(tasks) - len(todo)):
        report.print(note)
    bar = report.progress.add_task("classifying", total=len(todo))
    order = _Order(tasks, spool, outputs, missing)
    order.write()
    with closing(executor.results(todo)) as results:
        for task, content in results:
            spool.keep(task, content)
            missing.discard(task)
            order.write()
            report.progress.advance(bar)


class _Order:
    """Writes results in the order of the inputs, as far as they are there."""

    def __init__(self, tasks: Sequence[Task], spool: Spool, outputs: Outputs, missing: set[Task]) -> None:
        self._left = iter(tasks)
        self._next = next(self._left, None)
        self._spool, self._outputs, self._missing = spool, outputs, missing

    def write(self) -> None:
        while self._next is not None and self._next not in self._missing:
            for record in unpacked(self._spool.take(self._next) or b""):
                self._outputs.take(record)
            self._next = next(self._left, None)
