"""The `maskwatch` command as a user types it, run in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "NOTIFY_SOCKET")


def command(*arguments: object) -> list[str]:
    """Return the command line of `maskwatch ARGUMENTS`."""
    return [sys.executable, "-m", "edge", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """Return an environment without a screen, in which edge is found from any folder."""
    kept = {key: value for key, value in os.environ.items() if key not in _SCREENS}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **more}


def maskwatch(
    *arguments: object, timeout_s: float = 60, input_text: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(**more),
        check=False,
        input=input_text,
    )
