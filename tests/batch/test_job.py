"""Results that come in any order are written in the order of the inputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.progress import Progress

from edge.batch.inputs import Task
from edge.batch.job import Outputs, spooled
from edge.batch.progress_file import Spool
from edge.batch.records import Kind, Record, packed

TASKS = [Task(Path(f"{number}.png")) for number in range(5)]


class Executor:
    """Finishes inputs in a given order."""

    def __init__(self, order: list[int]) -> None:
        self.order = order

    def results(self, tasks):
        given = list(tasks)
        for number in self.order:
            yield given[number], packed([Record(Kind.SUMMARY, str(given[number].path), str(given[number].path))])


class Report:
    progress = Progress(disable=True)

    def print(self, error: str, /) -> None:
        raise AssertionError(error)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 0, 4, 2, 3]])
def test_each_result_is_written_in_its_turn_and_none_is_left_out(order):
    written: list[str] = []
    with Spool(None, {}) as spool:
        spooled(TASKS, Executor(order), spool, Outputs(on_summary=written.append), Report())
    assert written == [str(task.path) for task in TASKS]
