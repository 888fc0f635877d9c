"""Unix sockets on which a running maskwatch serves viewers: for one user group, and for a limited number of them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError, OutputError
from edge.paths import shared_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BACKLOG = 16
_ACCEPTS = 8
"""Connections accepted per scene: many at once must not delay the loop."""
_MAX_VIEWERS, _MAX_PER_USER = 32, 8
"""Viewers on one socket, in total and per user; the last `_MAX_PER_USER` are reserved for the service's own user."""
_PEER = struct.Struct("3i")
"""Process, user and group of the peer. Source: unix(7), SO_PEERCRED."""
_SOCKET_UMASK = 0o117
IMAGES_SOCKET, FEED_SOCKET = "web", "day"
"""Sockets next to that of the scene, which feed the web page: pixelated images, and everything else."""
_LONGEST_BYTES = 107
"""Source: unix(7), sun_path."""


class Viewers:
    """The viewers connected to one socket; none of them is ever waited for."""

    def __init__(self, path: Path, kind: socket.SocketKind, *, group: str, refusal: bytes = b"") -> None:
        """Listen at `path`, or at a name next to it where another maskwatch already listens there.

        refusal: what is sent to a viewer above the limit.

        Raises:
            ConfigError: see `listen`.
        """
        self._listener, self.path = listen(path, kind, group=group)
        self._refusal = refusal
        self._users: dict[socket.socket, int] = {}

    def __len__(self) -> int:
        """Return the number of connected viewers."""
        return len(self._users)

    def accept(self, greet: Callable[[socket.socket], None]) -> bool:
        """Accept waiting viewers, up to the limits; return whether there is a new one.

        greet: sends the first message to a viewer; an OSError means that the viewer is gone.
        """
        before = len(self._users)
        for _ in range(_ACCEPTS):
            try:
                viewer, _ = self._listener.accept()
            except OSError:  # nobody is waiting, or this process is out of descriptors
                break
            viewer.settimeout(0)
            self._add(viewer, greet)
        return len(self._users) > before

    def send(self, message: bytes) -> None:
        """Send a message to every viewer; one that is too slow misses it."""
        for viewer in list(self._users):
            try:
                viewer.send(message)
            except BlockingIOError:
                continue
            except OSError:
                del self._users[viewer]
                viewer.close()

    def close(self) -> None:
        """Disconnect every viewer and remove the socket."""
        for viewer in self._users:
            viewer.close()
        self._users.clear()
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _add(self, viewer: socket.socket, greet: Callable[[socket.socket], None]) -> None:
        user = _user_of(viewer)
        has_room = self._has_room(user)
        try:
            if has_room:
                greet(viewer)
            elif self._refusal:
                viewer.send(self._refusal)
        except OSError:  # gone before it was greeted, or out of descriptors
            has_room = False
        if has_room:
            self._users[viewer] = user
        else:
            viewer.close()

    def _has_room(self, user: int) -> bool:
        """Return whether one more viewer of a user is within the limits."""
        limit = _MAX_VIEWERS if user == os.geteuid() else _MAX_VIEWERS - _MAX_PER_USER
        return len(self._users) < limit and list(self._users.values()).count(user) < _MAX_PER_USER


def listen(path: Path, kind: socket.SocketKind, *, group: str) -> tuple[socket.socket, Path]:
    """Return a non-blocking listener and its path: next to `path` where another maskwatch already listens there.

    Raises:
        ConfigError: other users may write in the folder.
        OutputError: the folder is missing, or not writable for this user.
    """
    if part := shared_part(path.parent):
        raise ConfigError(
            f"show.socket: {path}: other users may write in {part}; fix: chmod go-w {part}, or use another folder"
        )
    with _one_at_a_time(path.parent):
        listener, free = _bound(path, kind)
        if group:
            _give_to_group(free, group)
        listener.listen(_BACKLOG)
    listener.settimeout(0)
    return listener, free


def _bound(path: Path, kind: socket.SocketKind) -> tuple[socket.socket, Path]:
    """Return a socket and the path at which it is bound, not listening yet.

    Raises:
        OutputError: the folder is missing, or not writable for this user.
    """
    free = _free_path(path, kind)
    listener = socket.socket(socket.AF_UNIX, kind)
    before = os.umask(_SOCKET_UMASK)  # a chmod after the bind could hit a file that somebody put there in between
    try:
        listener.bind(str(free))
    except OSError as error:
        listener.close()
        raise OutputError(f"show.socket: {free}: cannot be created: {error.strerror or error}") from error
    finally:
        os.umask(before)
    return listener, free


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one maskwatch at a time look for a free path: of two that start together, both could find the same one.

    A folder that cannot be opened is no reason to fail here: the bind fails with the reason.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def check_path(setting: str) -> None:
    """Refuse a socket that `listen` could not create, as far as its path shows; an empty setting is valid.

    Raises:
        ConfigError: the path is too long.
        OutputError: its folder is missing, or not writable for this user.
    """
    path = Path(setting)
    if not setting:
        return
    if len(os.fsencode(path)) > _LONGEST_BYTES:
        raise ConfigError(f"show.socket: {path}: cannot be created: longer than {_LONGEST_BYTES} bytes")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        problem = errno.EACCES if os.access(path.parent, os.F_OK) else errno.ENOENT
        raise OutputError(f"show.socket: {path}: cannot be created: {os.strerror(problem)}")


def socket_next_to(scene: Path, name: str) -> Path:
    """Return the path of another socket of the service, next to that of its scene."""
    return scene.with_suffix(f".{name}")


def is_listening(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """Return whether a maskwatch listens at `path`, also one that this user may not connect to."""
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.settimeout(0)  # a hung one, with its queue full, must not block this process
        try:
            probe.connect(str(path))
        except (PermissionError, BlockingIOError):
            return True
        except OSError:
            return False
    return True


def _free_path(path: Path, kind: socket.SocketKind) -> Path:
    """Return `path` after removing a dead socket there, or a path next to it where a maskwatch listens.

    Raises:
        OutputError: something at `path` is not a socket, and is therefore not removed.
    """
    if is_listening(path, kind):
        return path.with_name(f"{path.stem}-{os.getpid()}{path.suffix}")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OutputError(f"show.socket: {path}: exists and is not a socket; fix: use another path")
        path.unlink()
    return path


def _user_of(viewer: socket.socket) -> int:
    return int(_PEER.unpack(viewer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1])


def _give_to_group(path: Path, group: str) -> None:
    import grp  # noqa: PLC0415 - needed by a service only

    with contextlib.suppress(LookupError, PermissionError):
        os.chown(path, -1, grp.getgrnam(group).gr_gid, follow_symlinks=False)
