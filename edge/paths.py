"""Paths of what ships with the package, of the state folder, and of the socket of a running service."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from edge.errors import OutputError

_HERE = Path(__file__).resolve().parent

SERVICE_STATE = Path("/var/lib/maskwatch")
"""State folder of the service: StateDirectory of its unit."""
SERVICE_PASSWORDS = Path("/etc/maskwatch")
"""Where its unit reads the passwords of broker and camera, in files named by section."""
SERVICE_SCENE = Path("/run/maskwatch/scene.sock")
"""Socket of the service, in the RuntimeDirectory of its unit."""
_SHARED = (Path("/tmp"), Path("/dev/shm"))  # noqa: S108 - a folder of this user alone is created in it
"""Folders in which every user may create one; the second is used where the first is read-only."""


def exists(path: Path) -> bool:
    """Return whether a path exists; False also where this user may not enter its folder."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises PermissionError there, until Python 3.14


def state_folder() -> Path:
    """Return the state folder of the service that runs this process, else of this user, even without a home.

    Source: systemd.exec(5), XDG.

    Raises:
        OutputError: there is neither a home nor a folder in which no other user can interfere.
    """
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if folder:
        return Path(folder)
    return _home_state() or _first_own(_shared_folders())


def _home_state() -> Path | None:
    """Return the state folder in this user's home; None for a user without HOME and without a line in /etc/passwd."""
    named = os.environ.get("XDG_STATE_HOME")
    try:
        return Path(named or Path.home() / ".local/state") / "maskwatch"
    except RuntimeError:
        return None


def user_settings() -> Path | None:
    """Return the path of this user's settings file, which may not exist; None for root and for the service.

    These two read only the system's file: with sudo, HOME may still be that of a user, whom root must not obey.
    Source: XDG Base Directory Specification, $XDG_CONFIG_HOME, absolute or ignored.
    """
    if os.geteuid() == 0 or os.environ.get("STATE_DIRECTORY"):
        return None
    named = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    try:
        return (named if named.is_absolute() else Path.home() / ".config") / "maskwatch/config.toml"
    except RuntimeError:  # neither HOME nor a line in /etc/passwd
        return None


def shared_part(folder: Path) -> Path | None:
    """Return the first folder on the way to `folder` in which other users may replace files; None if there is none.

    Folders of root and of this user are safe if others may not write in them, or if they are sticky.
    Source: sshd_config(5), StrictModes.
    """
    real = folder.resolve()
    for part in (*reversed(real.parents), real):
        with suppress(OSError):  # absent: opening a file there will fail with a sentence
            status = part.stat()
            others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
            if others_write or status.st_uid not in (0, os.geteuid()):
                return part
    return None


def scene_socket() -> Path:
    """Return where maskwatch listens for viewers: in the runtime folder of systemd or of the session, else in /tmp.

    Where neither /tmp nor /dev/shm can be used, it is the state folder: `run` must not fail because of viewers.

    Raises:
        OutputError: there is no folder in which no other user can interfere.
    """
    for variable in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        folder = os.environ.get(variable, "").partition(":")[0]
        if folder and Path(folder).is_dir() and not shared_part(Path(folder)):
            return Path(folder) / "scene.sock"
    home = _home_state()
    return _first_own([*_shared_folders(), *([home] if home else [])]) / "scene.sock"


def _shared_folders() -> list[Path]:
    return [shared / f"maskwatch-{os.geteuid()}" for shared in _SHARED]


def _first_own(folders: list[Path]) -> Path:
    """Return the first folder that belongs to this user alone; it is created if need be."""
    for own in folders:
        with suppress(OSError):  # read-only, full, or something else has that name
            own.mkdir(mode=0o700, parents=own.parent not in _SHARED, exist_ok=True)
            if not own.is_symlink() and own.stat().st_uid == os.geteuid() and not shared_part(own):
                return own
    raise OutputError(
        f"{folders[0]}: cannot be created, belongs to another user, or others may write in it; "
        f"fix: sudo rm -r {folders[0]}, or set show.socket"
    )


def running_scene(named: Path | None) -> Path:
    """Return the socket of a running maskwatch: the one that is named, else this user's, else the service's."""
    if named:
        return named
    with suppress(OutputError):  # no folder of this user alone
        own = scene_socket()
        if exists(own):
            return own
    return SERVICE_SCENE


def _folder(name: str) -> Path:
    """Return edge/NAME of an installed package, else NAME next to edge/ in a clone; never the working directory."""
    inside = _HERE / name
    return inside if inside.is_dir() else _HERE.parent / name


def models() -> Path:
    """Return the folder of the models that ship with the package."""
    return _folder("models")


def config() -> Path:
    """Return the folder of the settings that ship with the package."""
    return _folder("config")


def pages() -> Path:
    """Return the folder of the HTML templates of sign and data sheet."""
    return _HERE / "privacy" / "pages"


def demo() -> Path:
    """Return the folder of the demo's sprites."""
    return _HERE / "capture" / "demo"


def interlaced_clip() -> Path:
    """Return a clip of three frames of interlaced H.264, white and then grey, with which the decoder is tested."""
    return _HERE / "capture" / "interlaced.mp4"
