"""The machine as the checks see it: files below a root, an environment, commands; a test makes one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from edge import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PATIENCE_S = 30.0
"""A Pi with a slow card takes 10 s to import OpenCV for the first time."""


class State(StrEnum):
    """How a part of the machine is; the value is the word in the table."""

    OK = "ok"
    ODD = "odd"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what mends it."""

    name: str
    state: State
    text: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said; the code 127 stands for a program that is not there, 124 for one that did not end."""

    code: int
    out: str = ""
    error: str = ""

    @property
    def there(self) -> bool:
        """Whether there is such a program."""
        return self.code != 127

    @property
    def last_line(self) -> str:
        """The last line of its complaint: of a Python program the error itself."""
        return (self.error.strip().splitlines() or [f"ended with {self.code}"])[-1]


def run(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Answer:
    """Return what a command said; never raises for what it does."""
    program = programs.found(command[0])
    if program is None:
        return Answer(127)
    try:
        done = subprocess.run(  # noqa: S603 - the checks name their commands themselves
            [program, *command[1:]],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
            env=None if environ is None else dict(environ),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Answer(124, error=str(error))
    return Answer(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Host:
    """What a check may ask of the machine."""

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    run: Callable[[Sequence[str]], Answer] = run
    python: str = sys.executable
    version: tuple[int, ...] = tuple(sys.version_info[:3])
    own_environment: bool = sys.prefix != sys.base_prefix
    may_read: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK | os.W_OK)

    def path(self, name: str) -> Path:
        """Return a file or folder of the machine, "/proc/meminfo" say."""
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str:
        """Return what a small file says, stripped of blanks and zeros; empty where it cannot be read."""
        try:
            return self.path(name).read_text("utf-8", errors="replace").strip("\0 \n")
        except OSError:
            return ""

    def python_says(self, code: str) -> Answer:
        """Return what Python says to some code, in a process of its own: some imports end it."""
        return self.run(programs.python("-c", code, interpreter=self.python))

    @property
    def is_pi(self) -> bool:
        """Whether this is a Raspberry Pi. Source: its device tree, /proc/device-tree/model."""
        return "Raspberry Pi" in self.text("/proc/device-tree/model")
