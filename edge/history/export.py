"""The history as text: JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each row."""
    for row in rows:
        yield f"{json.dumps(row, separators=(',', ':'), allow_nan=False)}\n"


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> Iterator[str]:
    """Yield the names of the columns, and a line for each row; what is not known is empty."""
    line = io.StringIO()
    writer = csv.DictWriter(line, list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        yield line.getvalue()
        line.seek(0)
        line.truncate()
        writer.writerow({name: _text(value) for name, value in row.items()})
    yield line.getvalue()
