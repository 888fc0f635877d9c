"""Unix sockets that a running maskwatch is met at: never taken from a living one, open to one group."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

from edge.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_WAITING = 4


def listen(path: Path, kind: socket.SocketKind, *, group: str) -> tuple[socket.socket, Path]:
    """Return a listener that never blocks, and its path: beside `path` where a living one listens there already.

    Raises:
        ConfigError: there is no such folder, or this user may not write there.
    """
    free = _free_path(path, kind)
    listener = socket.socket(socket.AF_UNIX, kind)
    try:
        listener.bind(str(free))
    except OSError as error:
        listener.close()
        raise ConfigError(f"show.socket: {free}: cannot be made: {error.strerror or error}") from error
    free.chmod(0o660)
    if group:
        _give_to_group(free, group)
    listener.listen(_WAITING)
    listener.settimeout(0)
    return listener, free


def beside(scene: Path, name: str) -> Path:
    """Return the path of the socket called `name` beside that of the scene."""
    return scene.with_suffix(f".{name}")


def is_listening(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """Return whether a maskwatch of this machine listens at `path`; one that we may not look at counts."""
    with socket.socket(socket.AF_UNIX, kind) as probe:
        try:
            probe.connect(str(path))
        except PermissionError:
            return True
        except OSError:
            return False
    return True


def _free_path(path: Path, kind: socket.SocketKind) -> Path:
    """Return `path`, freed of a dead socket, or one beside it where a living one listens."""
    if is_listening(path, kind):
        return path.with_name(f"{path.stem}-{os.getpid()}{path.suffix}")
    path.unlink(missing_ok=True)
    return path


def _give_to_group(path: Path, group: str) -> None:
    import shutil  # noqa: PLC0415 - service only

    with contextlib.suppress(LookupError, PermissionError):
        shutil.chown(path, group=group)
