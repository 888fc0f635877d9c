"""The newest scene for viewers that come by a Unix socket; the memory it lies in is that of edge/show/shared_memory.py.

A viewer connects and is handed the memory's file descriptor, read-only. Each new scene is announced by one byte on the
socket; a viewer too slow to take it misses scenes, never holds anything up. Nothing is copied while nobody looks.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import time
from typing import TYPE_CHECKING

import cv2

from edge.errors import EdgeError, NotRunning, Unavailable
from edge.show.shared_memory import TEXT_BYTES, SceneMapping, SceneWriter
from edge.show.sockets import Viewers
from edge.show.view import View, from_json, to_json, view_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.data import Image, Scene

log = logging.getLogger(__name__)

_HELLO, _NEW, _FULL = b"\0", b"\1", b"\2"
_ENDED = "the maskwatch that was watched has ended"


def picture_of(scene: Scene) -> Image | None:
    """Return the picture of a scene as it is."""
    return None if scene.frame is None else scene.frame.image


class SceneServer:
    """Sink that hands the newest scene to whoever is connected."""

    def __init__(
        self,
        path: Path,
        *,
        max_side_px: int,
        status: Callable[[], str],
        banner: Callable[[], str],
        thanks: Callable[[], bool] = bool,
        group: str = "",
        picture: Callable[[Scene], Image | None] = picture_of,
        every_s: float = 0.0,
    ) -> None:
        """Listen at `path`, or beside it where another maskwatch listens there already.

        picture: what is shown of a scene, uint8 (H, W, 3) BGR.  every_s: shortest time between two pictures.
        """
        self._side_px, self._status, self._banner = max_side_px, status, banner
        self._thanks = thanks
        self._picture, self._every_s, self._next_at = picture, every_s, float("-inf")
        self._viewers = Viewers(path, socket.SOCK_STREAM, group=group, refusal=_FULL)
        self.path = self._viewers.path
        self._memory = SceneWriter(max_side_px)

    def put(self, scene: Scene) -> None:
        """Write the scene for those who look; return at once."""
        self._viewers.accept(self._greet)
        now = time.monotonic()
        if not self._viewers or now < self._next_at:
            return
        self._next_at = now + self._every_s
        self._write(scene)
        self._viewers.send(_NEW)

    def close(self) -> None:
        """Send everybody away and leave no socket behind."""
        self._viewers.close()
        self._memory.close()

    def _greet(self, viewer: socket.socket) -> None:
        """Hand the memory to a viewer, for reading only."""
        socket.send_fds(viewer, [_HELLO], [self._memory.fd])

    def _write(self, scene: Scene) -> None:
        view = view_of(
            scene,
            status=self._status(),
            banner=self._banner(),
            thanks=self._thanks(),
        )
        picture = self._picture(scene)
        image = None if picture is None else _shrunk(picture, self._side_px)
        self._memory.write(image, to_json(view, TEXT_BYTES))


class SceneEnded(NotRunning):
    """The maskwatch whose scenes were read has ended."""


class SceneReader:
    """Looks at the newest scene of a running maskwatch; a scene that is damaged is passed over."""

    def __init__(self, path: Path) -> None:
        """Connect.

        Raises:
            NotRunning: nobody listens at `path`.
            Unavailable: this user may not connect, or there is no room.
        """
        self._path, self._complained = path, False
        self._memory: SceneMapping | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(0)  # one that hangs, with its queue full, must not hang us
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise _refusal(path, error) from error

    def newest(self, timeout_s: float) -> tuple[Image | None, View] | None:
        """Return (picture, view) of a scene not seen before, None if there is none within `timeout_s`.

        Raises:
            SceneEnded: the maskwatch has ended.
            Unavailable: it has no room for one more viewer, or is of another version.
        """
        readable, _, _ = select.select([self._socket], [], [], timeout_s)
        if not readable:
            return None
        if self._memory is None:
            self._memory = self._receive_memory()
            return self.newest(timeout_s)
        try:
            if not self._socket.recv(4096):
                raise SceneEnded(_ENDED)
            scene = self._memory.newest()
            return scene and (scene[0], from_json(scene[1]))
        except ConnectionError as error:
            raise SceneEnded(_ENDED) from error
        except ValueError as error:  # nothing here may end a viewer: the next scene may be whole
            self._complain(error)
            return None

    def close(self) -> None:
        """Leave."""
        self._socket.close()
        if self._memory is not None:
            self._memory.close()

    def _receive_memory(self) -> SceneMapping:
        """Take the descriptor that greets every viewer."""
        try:
            greeting, fds, _, _ = socket.recv_fds(self._socket, 1, 1)
        except OSError as error:
            raise SceneEnded(_ENDED) from error
        if greeting == _FULL:
            raise Unavailable(f"{self._path}: too many viewers are connected; fix: close one")
        if not fds:
            raise SceneEnded(_ENDED)
        try:
            return SceneMapping(fds[0])
        except ValueError as error:
            raise Unavailable(
                f"{self._path}: {error}; fix: restart the maskwatch that runs there, and this viewer"
            ) from error
        finally:
            os.close(fds[0])

    def _complain(self, error: ValueError) -> None:
        """Log what is wrong with a scene, once per connection."""
        if not self._complained:
            self._complained = True
            log.warning("%s: a damaged scene is passed over: %s", self._path, str(error).partition("\n")[0])


def _refusal(path: Path, error: OSError) -> EdgeError:
    """Return why nobody could be connected to, and what fixes it."""
    if isinstance(error, PermissionError):
        return Unavailable(f"{path}: you may not look; fix: sudo usermod -aG maskwatch $USER, then log in again")
    if isinstance(error, BlockingIOError):
        return Unavailable(f"{path}: too many wait to be connected; fix: try again")
    return NotRunning(f"{path}: no maskwatch is running there; start one with: maskwatch run")


def _shrunk(image: Image, side_px: int) -> Image:
    scale = side_px / max(image.shape[:2])
    if scale >= 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
