"""Unix sockets at which a running maskwatch serves viewers: never taken from a living one, for one group, bounded."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError, OutputError
from edge.paths import shared_part

if TYPE_CHECKING:
    from collections.abc import Callable

_BACKLOG = 16
_WELCOMES = 8
"""Connections accepted per scene: a storm of them must not hold up the loop."""
_VIEWERS, _PER_USER = 32, 8
"""Viewers at one socket in all, and of one user; the last `_PER_USER` places are kept for the service's own user."""
_PEER = struct.Struct("3i")
"""Process, user and group of the other end. Source: unix(7), SO_PEERCRED."""
_SOCKET_UMASK = 0o117
IMAGES_SOCKET, FEED_SOCKET = "web", "day"
"""Sockets next to that of the scene, which feed the web page: pixelated images, and everything else."""
_LONGEST_BYTES = 107
"""Source: unix(7), sun_path."""


class Viewers:
    """Those who are connected to one socket: welcomed, sent to, dropped when they are gone, never waited for."""

    def __init__(self, path: Path, kind: socket.SocketKind, *, group: str, refusal: bytes = b"") -> None:
        """Listen at `path`, or at a name next to it where another maskwatch listens there already.

        refusal: what somebody is sent for whom there is no room.

        Raises:
            ConfigError: see `listen`.
        """
        self._listener, self.path = listen(path, kind, group=group)
        self._refusal = refusal
        self._users: dict[socket.socket, int] = {}

    def __len__(self) -> int:
        """Return how many are connected."""
        return len(self._users)

    def welcome(self, greet: Callable[[socket.socket], None]) -> bool:
        """Take in those who wait, as far as there is room; return whether anybody came.

        greet: sends what everybody is sent first; an OSError of it means that the viewer is gone.
        """
        before = len(self._users)
        for _ in range(_WELCOMES):
            try:
                viewer, _ = self._listener.accept()
            except OSError:  # nobody waits, or this process is out of descriptors
                break
            viewer.settimeout(0)
            self._seat(viewer, greet)
        return len(self._users) > before

    def send(self, message: bytes) -> None:
        """Send a message to everybody; one that is too slow misses it."""
        for viewer in list(self._users):
            try:
                viewer.send(message)
            except BlockingIOError:
                continue
            except OSError:
                del self._users[viewer]
                viewer.close()

    def close(self) -> None:
        """Send everybody away and leave no socket behind."""
        for viewer in self._users:
            viewer.close()
        self._users.clear()
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _seat(self, viewer: socket.socket, greet: Callable[[socket.socket], None]) -> None:
        user = _user_of(viewer)
        has_room = self._has_room(user)
        try:
            if has_room:
                greet(viewer)
            elif self._refusal:
                viewer.send(self._refusal)
        except OSError:  # gone before it was greeted, or no descriptor is left
            has_room = False
        if has_room:
            self._users[viewer] = user
        else:
            viewer.close()

    def _has_room(self, user: int) -> bool:
        """Return whether a user may connect once more; other users never take the places of our own."""
        places = _VIEWERS if user == os.geteuid() else _VIEWERS - _PER_USER
        return len(self._users) < places and list(self._users.values()).count(user) < _PER_USER


def listen(path: Path, kind: socket.SocketKind, *, group: str) -> tuple[socket.socket, Path]:
    """Return a listener that never blocks, and its path: next to `path` where a living one listens there already.

    Raises:
        ConfigError: other users may write in the folder.
        OutputError: the folder is absent, or this user may not write there.
    """
    if part := shared_part(path.parent):
        raise ConfigError(
            f"show.socket: {path}: other users may write in {part}; fix: chmod go-w {part}, or name another folder"
        )
    free = _free_path(path, kind)
    listener = socket.socket(socket.AF_UNIX, kind)
    before = os.umask(_SOCKET_UMASK)  # a chmod after the bind could hit a file that was put there in between
    try:
        listener.bind(str(free))
    except OSError as error:
        listener.close()
        raise OutputError(f"show.socket: {free}: cannot be made: {error.strerror or error}") from error
    finally:
        os.umask(before)
    if group:
        _give_to_group(free, group)
    listener.listen(_BACKLOG)
    listener.settimeout(0)
    return listener, free


def check_place(named: str) -> None:
    """Refuse a socket that `listen` could not make, as far as its path shows; nothing named is no problem.

    Raises:
        ConfigError: the path is too long.
        OutputError: there is no such folder, or this user may not write there.
    """
    path = Path(named)
    if not named:
        return
    if len(os.fsencode(path)) > _LONGEST_BYTES:
        raise ConfigError(f"show.socket: {path}: cannot be made: longer than {_LONGEST_BYTES} bytes")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        problem = errno.EACCES if os.access(path.parent, os.F_OK) else errno.ENOENT
        raise OutputError(f"show.socket: {path}: cannot be made: {os.strerror(problem)}")


def socket_next_to(scene: Path, name: str) -> Path:
    """Return the path of another socket of the service, next to that of its scene."""
    return scene.with_suffix(f".{name}")


def is_listening(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """Return whether a maskwatch of this machine listens at `path`; one that we may not connect to counts."""
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.settimeout(0)  # one that hangs, with its queue full, must not hang us
        try:
            probe.connect(str(path))
        except (PermissionError, BlockingIOError):
            return True
        except OSError:
            return False
    return True


def _free_path(path: Path, kind: socket.SocketKind) -> Path:
    """Return `path`, freed of a dead socket, or one next to it where a living one listens.

    Raises:
        OutputError: something else has that name, which is not ours to delete.
    """
    if is_listening(path, kind):
        return path.with_name(f"{path.stem}-{os.getpid()}{path.suffix}")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OutputError(f"show.socket: {path}: exists and is not a socket; fix: name another file")
        path.unlink()
    return path


def _user_of(viewer: socket.socket) -> int:
    return int(_PEER.unpack(viewer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1])


def _give_to_group(path: Path, group: str) -> None:
    import grp  # noqa: PLC0415 - service only

    with contextlib.suppress(LookupError, PermissionError):
        os.chown(path, -1, grp.getgrnam(group).gr_gid, follow_symlinks=False)
