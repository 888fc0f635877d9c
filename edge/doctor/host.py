"""The machine as the checks see it: files below a root, an environment, commands; tests build machines of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TIMEOUT_S = 30.0
"""A Pi with a slow card takes 10 s to import OpenCV for the first time."""
_NOT_FOUND = 127
_TIMED_OUT = 124


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended; code 127 means that there is no such program, 124 that it did not end in time."""

    code: int
    out: str = ""
    error: str = ""

    @property
    def exists(self) -> bool:
        """Whether there is such a program."""
        return self.code != _NOT_FOUND

    @property
    def last_line(self) -> str:
        """The last line of its error output: of a Python program the exception itself."""
        return (self.error.strip().splitlines() or [f"ended with {self.code}"])[-1]


def run(command: Sequence[str], environ: Mapping[str, str] | None = None) -> CommandResult:
    """Return how a command ended; never raises for what the command does."""
    program = programs.path_of(command[0])
    if program is None:
        return CommandResult(_NOT_FOUND)
    try:
        done = subprocess.run(  # noqa: S603 - the checks name their commands themselves
            [program, *command[1:]],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            env=None if environ is None else dict(environ),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return CommandResult(_TIMED_OUT, error=str(error))
    return CommandResult(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Host:
    """What a check can read and run on the machine."""

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    run: Callable[[Sequence[str]], CommandResult] = run
    python: str = sys.executable
    version: tuple[int, ...] = tuple(sys.version_info[:3])
    in_virtual_environment: bool = sys.prefix != sys.base_prefix
    may_use: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK | os.W_OK)

    def path(self, name: str) -> Path:
        """Return a file or folder of the machine, such as "/proc/meminfo"."""
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str:
        """Return the content of a small file, stripped of blanks and zeros; empty if it cannot be read."""
        try:
            return self.path(name).read_text("utf-8", errors="replace").strip("\0 \n")
        except OSError:
            return ""

    def run_python(self, code: str) -> CommandResult:
        """Run Python code in a process of its own, since some failing imports abort the process."""
        return self.run(programs.python("-c", code, interpreter=self.python))

    @property
    def is_pi(self) -> bool:
        """Whether this is a Raspberry Pi. Source: its device tree, /proc/device-tree/model."""
        return "Raspberry Pi" in self.text("/proc/device-tree/model")
