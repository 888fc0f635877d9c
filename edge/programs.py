"""Find the programs that maskwatch starts by their absolute path, so that none comes from the current folder."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def python(*arguments: str, interpreter: str = sys.executable) -> list[str]:
    """Return a command line of this Python with which neither `-m` nor `-c` imports from the current folder.

    Source: Python's documentation, command line, -P (3.11): without it both put that folder before all others.
    """
    return [str(Path(interpreter).absolute()), "-P", *arguments]


def path_of(name: str) -> str | None:
    """Return the absolute path of a program on PATH; relative entries of PATH are ignored."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(folder for folder in folders if Path(folder).is_absolute()))
