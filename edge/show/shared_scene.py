"""The newest scene for viewers that connect to a Unix socket; it is in the memory of edge/show/shared_memory.py.

A viewer connects and receives a read-only file descriptor of the memory. One byte on the socket announces each new
scene; a viewer that is too slow misses scenes and delays nobody. Nothing is copied while nobody is connected.
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
_ENDED = "the maskwatch that was shown has ended"


def image_of(scene: Scene) -> Image | None:
    """Return the image of a scene, unchanged."""
    return None if scene.frame is None else scene.frame.image


class SceneServer:
    """Sink that gives the newest scene to all connected viewers."""

    def __init__(
        self,
        path: Path,
        *,
        max_side_px: int,
        status: Callable[[], str],
        group: str = "",
        redact: Callable[[Scene], Image | None] = image_of,
        every_s: float = 0.0,
    ) -> None:
        """Listen at `path`, or next to it where another maskwatch already listens there.

        status: returns the status line: the state of the process (frame rate, broker, problems), which no scene holds.
        redact: returns the image to show of a scene, uint8 (H, W, 3) BGR; called only while viewers are connected:
        pixelating every scene would slow down the loop.  every_s: shortest time between two scenes.
        """
        self._side_px = max_side_px
        self._status = status
        self._redact = redact
        self._every_s = every_s
        self._next_at = float("-inf")
        self._viewers = Viewers(path, socket.SOCK_STREAM, group=group, refusal=_FULL)
        self.path = self._viewers.path
        self._memory = SceneWriter(max_side_px)

    def put(self, scene: Scene) -> None:
        """Write the scene for connected viewers; return at once."""
        self._viewers.accept(self._greet)
        now = time.monotonic()
        if not self._viewers or now < self._next_at:
            return
        self._next_at = now + self._every_s
        self._write(scene)
        self._viewers.send(_NEW)

    def close(self) -> None:
        """Disconnect every viewer and remove the socket."""
        self._viewers.close()
        self._memory.close()

    def _greet(self, viewer: socket.socket) -> None:
        """Send the read-only descriptor of the memory to a viewer."""
        socket.send_fds(viewer, [_HELLO], [self._memory.fd])

    def _write(self, scene: Scene) -> None:
        view = view_of(scene, status=self._status())
        image = self._redact(scene)
        shrunk = None if image is None else _shrunk(image, self._side_px)
        self._memory.write(shrunk, to_json(view, TEXT_BYTES))


class SceneEnded(NotRunning):
    """The maskwatch whose scenes were read has ended."""


class SceneReader:
    """Reads the newest scene of a running maskwatch, and skips damaged ones."""

    def __init__(self, path: Path) -> None:
        """Connect.

        Raises:
            NotRunning: no maskwatch listens at `path`.
            Unavailable: this user may not connect, or too many viewers are waiting.
        """
        self._path = path
        self._warned = False
        self._memory: SceneMapping | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(0)  # a hung one, with its queue full, must not block this process
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise _refusal(path, error) from error

    def newest(self, timeout_s: float) -> tuple[Image | None, View] | None:
        """Return (image, view) of a new scene, None if there is none within `timeout_s`.

        Raises:
            SceneEnded: the maskwatch has ended.
            Unavailable: it has too many viewers, or is of another version.
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
        except ValueError as error:  # it must not end a viewer: the next scene may be complete
            self._warn(error)
            return None

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()
        if self._memory is not None:
            self._memory.close()

    def _receive_memory(self) -> SceneMapping:
        """Receive the descriptor that is sent to every new viewer."""
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

    def _warn(self, error: ValueError) -> None:
        """Log why a scene is skipped, once per connection."""
        if not self._warned:
            self._warned = True
            log.warning("%s: a damaged scene is skipped: %s", self._path, str(error).partition("\n")[0])


def _refusal(path: Path, error: OSError) -> EdgeError:
    """Return the error for a connection that failed, with its fix."""
    if isinstance(error, PermissionError):
        return Unavailable(
            f"{path}: this user may not connect; fix: sudo usermod -aG maskwatch $USER, then log in again"
        )
    if isinstance(error, BlockingIOError):
        return Unavailable(f"{path}: too many viewers are waiting to connect; fix: try again")
    return NotRunning(f"{path}: no maskwatch is running there; start one with: maskwatch run")


def _shrunk(image: Image, side_px: int) -> Image:
    scale = side_px / max(image.shape[:2])
    if scale >= 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
