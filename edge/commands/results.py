"""What a command found: as JSON where that is asked for, else as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.table import Table

    from edge.batch.outputs import Text


def give(out: Text | None, text: str, table: Table) -> None:
    """Write JSON to the file that was opened for it, and print the table unless the JSON was printed."""
    from edge.batch.outputs import StandardOutput

    if out:
        out.write(text)
    if not isinstance(out, StandardOutput):
        Console().print(table)
