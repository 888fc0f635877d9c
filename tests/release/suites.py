"""The steps that are targets of the Makefile: style and types, tests, faults."""

from __future__ import annotations

from pathlib import Path

from tests.release.step import run


def style(root: Path) -> str:
    """Check style and types."""
    return last_line(run("make", "--no-print-directory", "check", cwd=root))


def tests(root: Path) -> str:
    """Run the tests; one that needs an absent program fails instead of skipping."""
    return last_line(run("make", "--no-print-directory", "test", cwd=root, CI="true"))


def faults(root: Path) -> str:
    """Inject the faults; the line is the title of their table."""
    output = run("make", "--no-print-directory", "faults", cwd=root, CI="true")
    return next((line.strip() for line in output.splitlines() if " faults survived" in line), last_line(output))


def last_line(output: str) -> str:
    """Return the last line of an output without pytest's frame."""
    lines = output.strip().splitlines()
    return lines[-1].strip("= ") if lines else "done"
