"""Take each row's line out of a copy of the tree and see its tests turn red there.

python -m tests.faults.prove [ROW...]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.faults.rows import ROWS, Line, Row
from tests.support.program import ROOT

_PARTS = ("edge", "tests", "models", "config", "docs", "systemd", "setup.py", "pyproject.toml")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "train")


def copy_of_the_tree(folder: Path) -> None:
    """Copy what the tests need."""
    for name in _PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
        else:
            shutil.copy(ROOT / name, folder / name)


def failure_without(line: Line, row: Row, folder: Path) -> str:
    """Return the first failure of a row's tests without one of its lines; empty where they are still green."""
    path = folder / "edge" / line.path
    sound = path.read_text()
    assert sound.count(line.text) == 1, f"row {row.number}: not once in {line.path}"
    path.write_text(sound.replace(line.text, line.without))
    arguments = ["-q", "-x", "--no-header", "-p", "no:cacheprovider", *row.tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(sound)
    failure = [line[1:].strip() for line in done.stdout.splitlines() if line.startswith("E ")]
    return (failure or ["a failure without a message"])[0] if done.returncode == 1 else ""


def main() -> int:
    wanted = {int(argument) for argument in sys.argv[1:]}
    green, console = [], Console(width=150)
    with tempfile.TemporaryDirectory(prefix="prove") as name:
        copy_of_the_tree(Path(name))
        rows = [row for row in ROWS if not wanted or row.number in wanted]
        for row, line in [(found, line) for found in rows for line in found.lines]:
            failure = failure_without(line, row, Path(name))
            green += [] if failure else [row.number]
            outcome = f"red: {failure[:90]}" if failure else "STILL GREEN"
            console.print(f"{row.number:>3} {row.cause:<38} {outcome}", highlight=False, markup=False)
    console.print(f"still green without their line: {green or 'none'}")
    return bool(green)


if __name__ == "__main__":
    sys.exit(main())
