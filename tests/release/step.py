"""A step of the release check: a function of the clone that returns one line, or fails with one and a log."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Step = Callable[[Path], str]
"""Checks the clone in a folder and returns its result in one line.  Raises Failed."""


class Failed(Exception):
    """A step that failed, as one line; `log` is what leads to the cause."""

    def __init__(self, line: str, log: str = "") -> None:
        super().__init__(line)
        self.log = log


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program to its end and return its output.

    Raises:
        Failed: its status is not 0; the log is its output.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise Failed(f"{' '.join(words[:4])}: exit status {done.returncode}", done.stdout)
    return done.stdout


def program(name: str, package: str) -> str:
    """Return where a program lies.

    Raises:
        Failed: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise Failed(f"{name} is not installed; fix: sudo apt install {package}, or make setup-apt ARGS=release")
    return found


def tracked(root: Path) -> list[Path]:
    """Return the files that belong to the clone, from its root."""
    return [Path(name) for name in run("git", "ls-files", "-z", cwd=root).split("\0") if name]


@contextmanager
def copy(root: Path, name: str, *, backwards: bool = False) -> Iterator[Path]:
    """Give a folder `name` with copies of the tracked files, made in their order or backwards."""
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / name
        for path in sorted(tracked(root), reverse=backwards):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / path, folder / path)
        yield folder
