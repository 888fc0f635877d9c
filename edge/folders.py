"""What outlives this maskwatch, and where it is met while it runs; the only module that knows the folders."""

from __future__ import annotations

import os
from pathlib import Path

SERVICE_STATE = Path("/var/lib/maskwatch")
"""Where the service keeps its state, as its unit's StateDirectory has it."""
SERVICE_SCENE = Path("/run/maskwatch/scene.sock")
"""Where the service is met, as its unit's RuntimeDirectory has it."""


def seen(path: Path) -> bool:
    """Return whether something is there for this user; what lies in a folder that may not be entered is not."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises PermissionError there, until Python 3.14


def state_folder() -> Path:
    """Return the state folder of the service that runs us, else of this user. Source: systemd.exec(5), XDG."""
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    state_home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    return Path(folder) if folder else state_home / "maskwatch"


def scene_socket() -> Path:
    """Return where a maskwatch of this user listens: systemd's or the session's runtime folder, else /tmp."""
    for variable in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        folder = os.environ.get(variable, "").partition(":")[0]
        if folder and Path(folder).is_dir():
            return Path(folder) / "scene.sock"
    folder_of_user = Path(f"/tmp/maskwatch-{os.getuid()}")  # noqa: S108 - made for this user alone
    folder_of_user.mkdir(mode=0o700, exist_ok=True)
    return folder_of_user / "scene.sock"


def running_scene(named: Path | None) -> Path:
    """Return where to meet a running maskwatch: as named, else this user's own, else the service."""
    own = scene_socket()
    return named or (own if seen(own) else SERVICE_SCENE)
