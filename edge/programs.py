"""Programs that maskwatch starts: by their whole path, so that none of them comes from the current folder."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def python(*arguments: str, interpreter: str = sys.executable) -> list[str]:
    """Return the command line of this Python; neither `-m` nor `-c` imports from the current folder.

    Source: Python's documentation, command line, -P (3.11): without it both put that folder before all others.
    """
    return [str(Path(interpreter).absolute()), "-P", *arguments]


def found(name: str) -> str | None:
    """Return the whole path of a program on PATH; entries of PATH that depend on the current folder are passed over."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(folder for folder in folders if Path(folder).is_absolute()))
