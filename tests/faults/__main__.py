"""Run every row's tests and print the table; 0 only when all 36 pass.

python -m tests.faults [ROW...]
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import pytest
from rich.console import Console
from rich.table import Table

from tests.faults.rows import ROWS, Row

_OK = {"passed", "skipped"}
"""What a row's tests may come to; at least one must have passed. Skipped is what only root can inject."""
_ALSO = ("tests/faults/test_table.py", "tests/faults/test_fuzz.py")
"""What belongs to no row: the table itself, and the soak in the small."""


@dataclass(eq=False)  # pytest keeps its plugins in a set
class Outcomes:
    """Pytest plugin that keeps what became of each test, and what it measured."""

    results: dict[str, str] = field(default_factory=dict)
    measured: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of set-up, call and tear-down."""
        if report.when == "call" or report.outcome != "passed":
            worst = self.results.get(report.nodeid, "passed")
            self.results[report.nodeid] = report.outcome if worst == "passed" else worst
        if report.when == "call":
            for name, value in report.user_properties:
                if isinstance(value, float | int):
                    self.measured.setdefault(report.nodeid, {}).setdefault(name, []).append(value)

    def of(self, row: Row) -> list[str]:
        """Return the node ids that ran for a row."""
        return [ran for ran in self.results for wanted in row.tests if ran == wanted or ran.startswith(f"{wanted}[")]

    def outcome(self, row: Row) -> str:
        """Return passed only when every test of the row ran and none failed."""
        ran = self.of(row)
        seen = {self.results[name] for name in ran}
        missing = [name for name in row.tests if not any(r == name or r.startswith(f"{name}[") for r in ran)]
        if missing or "passed" not in seen:
            return "not run"
        return " ".join(sorted(seen - _OK)) or "passed"

    def longest(self, row: Row, name: str) -> str:
        """Return the longest time that a row's tests measured, empty where none did."""
        times = [value for ran in self.of(row) for value in self.measured.get(ran, {}).get(name, [])]
        return f"{max(times):.1f} s" if times else ""


def table(rows: list[Row], outcomes: Outcomes, elapsed_s: float) -> Table:
    """Return one line a row."""
    passed = sum(outcomes.outcome(row) == "passed" for row in rows)
    drawn = Table(title=f"{passed} of {len(rows)} faults survived, {len(outcomes.results)} tests, {elapsed_s:.0f} s")
    for heading in ("row", "cause", "outcome", "noticed in", "back in", "the line that it hangs on"):
        drawn.add_column(heading, justify="right" if heading in ("row", "noticed in", "back in") else "left")
    for row in rows:
        times = [outcomes.longest(row, name) for name in ("noticed_s", "recovered_s")]
        line = f"{row.line.path}: {' '.join(row.line.text.split())[:60]}"
        outcome = outcomes.outcome(row)
        shown = outcome if outcome == "passed" else f"[red]{outcome}[/red]"
        drawn.add_row(str(row.number), row.cause, shown, *times, line.replace("[", "\\["))
    return drawn


def main() -> int:
    """Run the tests and print the table."""
    wanted = {int(argument) for argument in sys.argv[1:]}
    rows = [row for row in ROWS if not wanted or row.number in wanted]
    tests = list(dict.fromkeys(test for row in rows for test in row.tests)) + ([] if wanted else list(_ALSO))
    outcomes, began_at = Outcomes(), time.monotonic()
    code = pytest.main(["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", *tests], plugins=[outcomes])
    Console(width=150).print(table(rows, outcomes, time.monotonic() - began_at))
    return code != 0 or any(outcomes.outcome(row) != "passed" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
