"""Where this maskwatch keeps what outlives the process; the only module that knows."""

from __future__ import annotations

import os
from pathlib import Path

SERVICE_STATE = Path("/var/lib/maskwatch")
"""Where the service keeps its state, as its unit's StateDirectory has it."""


def state_folder() -> Path:
    """Return the state folder of the service that runs us, else of this user. Source: systemd.exec(5), XDG."""
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    state_home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    return Path(folder) if folder else state_home / "maskwatch"
