"""Where things are: the files that ship, the state that outlives the process, the sockets of a running service."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from edge.errors import OutputError

_HERE = Path(__file__).resolve().parent

SERVICE_STATE = Path("/var/lib/maskwatch")
"""Where the service keeps its state, as its unit's StateDirectory has it."""
SERVICE_SCENE = Path("/run/maskwatch/scene.sock")
"""Where the service is met, as its unit's RuntimeDirectory has it."""


_SHARED = (Path("/tmp"), Path("/dev/shm"))  # noqa: S108 - a folder in it is made for this user alone
"""Where every user may make a folder; the second where the first is read-only."""


def seen(path: Path) -> bool:
    """Return whether something is there for this user; what lies in a folder that may not be entered is not."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises PermissionError there, until Python 3.14


def state_folder() -> Path:
    """Return the state folder of the service that runs us, else of this user, who may be without a home.

    Source: systemd.exec(5), XDG.

    Raises:
        OutputError: there is neither a home nor a folder that no other user can interfere with.
    """
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if folder:
        return Path(folder)
    return _home_state() or _first_own(_shared_folders())


def _home_state() -> Path | None:
    """Return this user's state folder; None for a user who has neither HOME nor a line in /etc/passwd."""
    named = os.environ.get("XDG_STATE_HOME")
    try:
        return Path(named or Path.home() / ".local/state") / "maskwatch"
    except RuntimeError:
        return None


def user_settings() -> Path | None:
    """Return this user's own settings file, which need not be there; None for root and for a service.

    Both read the system's file alone: with sudo, HOME may still be that of a user, and root obeys none.
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
    """Return the first folder on the way to `folder` where other users may put or replace files, None if none is so.

    Safe are folders of root and of this user in which others may not write, or which are sticky.
    Source: sshd_config(5), StrictModes.
    """
    real = folder.resolve()
    for part in (*reversed(real.parents), real):
        with suppress(OSError):  # absent, which whoever opens a file there will say
            status = part.stat()
            others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
            if others_write or status.st_uid not in (0, os.geteuid()):
                return part
    return None


def scene_socket() -> Path:
    """Return where a maskwatch of this user listens: systemd's or the session's runtime folder, else one in /tmp.

    Where neither /tmp nor /dev/shm serves, it is the user's state folder: viewers must not keep a run from starting.

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
    """Return the first of some folders that is, or now becomes, this user's alone."""
    for own in folders:
        with suppress(OSError):  # read-only, full, or something else has that name
            own.mkdir(mode=0o700, parents=own.parent not in _SHARED, exist_ok=True)
            if not own.is_symlink() and own.stat().st_uid == os.geteuid() and not shared_part(own):
                return own
    raise OutputError(
        f"{folders[0]}: cannot be made, belongs to another user, or others may write in it; "
        f"fix: sudo rm -r {folders[0]}, or set show.socket"
    )


def running_scene(named: Path | None) -> Path:
    """Return where to meet a running maskwatch: as named, else this user's own, else the service."""
    if named:
        return named
    with suppress(OutputError):  # what others can interfere with is not this user's own
        own = scene_socket()
        if seen(own):
            return own
    return SERVICE_SCENE


def _folder(name: str) -> Path:
    """Return edge/NAME of an installed wheel, else NAME beside edge/ in a clone; never the working directory."""
    inside = _HERE / name
    return inside if inside.is_dir() else _HERE.parent / name


def models() -> Path:
    """Return the folder of the models that come with the package."""
    return _folder("models")


def config() -> Path:
    """Return the folder of the settings that come with the package."""
    return _folder("config")


def pages() -> Path:
    """Return the folder of the pages of HTML that are filled in."""
    return _HERE / "privacy" / "pages"


def demo() -> Path:
    """Return the folder of the demo's sprites."""
    return _HERE / "capture" / "demo"


def interlaced_clip() -> Path:
    """Return three frames of interlaced H.264, white and then grey, that the video decoder is tested with."""
    return _HERE / "capture" / "interlaced.mp4"
