"""What `maskwatch history` writes: rows into files, or a table on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from edge.batch.outputs import whole_file
from edge.clock import local, seconds_of
from edge.commands.reporting import duration
from edge.history import store
from edge.history.export import csv_lines, json_lines
from edge.history.records import LABELS, ROW, by_hour

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from edge.history.query import Query

_SHOWN = 50
"""Rows of the table on a terminal; a file gets all of them."""


def show(path: Path, query: Query, *, people: bool, json_file: Path | None, csv_file: Path | None) -> None:
    """Write the rows of a query into the files that are named, and print the newest as a table where none is.

    Raises:
        InputError: there is no history yet, or it cannot be read.
        OutputError: a file cannot be written.
    """
    columns = ("hour", *LABELS) if people else ROW
    for file, lines in ((json_file, json_lines), (csv_file, lambda rows: csv_lines(rows, columns))):
        with whole_file(file) as out:
            if out:
                for line in lines(_rows(path, query, people=people)):
                    out.write(line)
    if not (json_file or csv_file):
        Console().print(_hours(path, query) if people else _alerts(path, query))


def _rows(path: Path, query: Query, *, people: bool) -> Iterable[Mapping[str, Any]]:
    if people:
        return by_hour(store.people(path, query.since, query.until))
    camera = store.camera_of(path)
    return (episode.as_row(camera) for episode in store.episodes(path, query))


def _alerts(path: Path, query: Query) -> Table:
    rows = list(store.episodes(path, query, _SHOWN + 1))
    more = f"; only the newest {_SHOWN} are shown, --json and --csv have all" if len(rows) > _SHOWN else ""
    table = Table("began", "label", "lasted", "ended", caption=f"{_number(rows[:_SHOWN])}{more}")
    for row in rows[:_SHOWN]:
        began = local(row.opened) + ("" if row.clock_synced else " (clock not set)")
        lasted = duration(row.duration_s) if row.duration_s is not None else ""
        table.add_row(began, row.label, lasted, row.reason or "not yet")
    return table


def _number(rows: list[Any]) -> str:
    return f"{len(rows) or 'no'} alert{'' if len(rows) == 1 else 's'}"


def _hours(path: Path, query: Query) -> Table:
    table = Table("hour", *LABELS)
    for row in _newest(by_hour(store.people(path, query.since, query.until))):
        hour = seconds_of(row["hour"])
        table.add_row(local(hour), *(str(row[label]) for label in LABELS))
    return table


def _newest(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from reversed(rows[-_SHOWN:])
