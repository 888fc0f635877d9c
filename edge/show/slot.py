"""The newest scene in shared memory: one writer that waits for nobody, viewers that come by a Unix socket.

A viewer connects and is handed the memory's file descriptor, read-only. Each new scene is told by one byte on the
socket; a viewer too slow to take it misses scenes, never holds anything up. Nothing is copied while nobody looks.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import socket
import struct
import time
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.errors import CameraLost, InputError
from edge.show.sockets import listen
from edge.show.view import View, from_json, to_json, view_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.data import Image, Scene

_COUNT = struct.Struct("<Q")
"""At the start of the memory: how many scenes were written; the newest lies in half COUNT % 2."""
_HEAD = struct.Struct("<III")
"""At the start of a half: width and height of the picture in px, bytes of JSON behind this."""
_JSON_BYTES = 65_536
_PAGE = 4_096
_ENDED = "the maskwatch that was watched has ended"


def _half_bytes(side_px: int) -> int:
    return _HEAD.size + _JSON_BYTES + 3 * side_px * side_px


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
        metres: Callable[[Scene], dict[int, float]] = lambda _scene: {},
        group: str = "",
        picture: Callable[[Scene], Image | None] = picture_of,
        every_s: float = 0.0,
    ) -> None:
        """Listen at `path`, or beside it where another maskwatch listens there already.

        picture: what is shown of a scene, uint8 (H, W, 3) BGR.  every_s: shortest time between two pictures.
        """
        self._side_px, self._status, self._banner = max_side_px, status, banner
        self._thanks, self._metres = thanks, metres
        self._picture, self._every_s, self._next_at = picture, every_s, float("-inf")
        self._listener, self.path = listen(path, socket.SOCK_STREAM, group=group)
        self._memory_fd = os.memfd_create("maskwatch scene")
        os.ftruncate(self._memory_fd, _PAGE + 2 * _half_bytes(max_side_px))
        self._memory = mmap.mmap(self._memory_fd, 0)
        self._viewers: list[socket.socket] = []
        self._written = 0

    def put(self, scene: Scene) -> None:
        """Write the scene for those who look; return at once."""
        self._welcome()
        now = time.monotonic()
        if not self._viewers or now < self._next_at:
            return
        self._next_at = now + self._every_s
        self._write(scene)
        self._viewers = [viewer for viewer in self._viewers if _tell(viewer)]

    def close(self) -> None:
        """Send everybody away and leave no socket behind."""
        for viewer in self._viewers:
            viewer.close()
        self._listener.close()
        self.path.unlink(missing_ok=True)
        self._memory.close()
        os.close(self._memory_fd)

    def _welcome(self) -> None:
        with contextlib.suppress(OSError):  # nobody is there, or this process is out of descriptors
            viewer, _ = self._listener.accept()
            viewer.settimeout(0)
            self._greet(viewer)

    def _greet(self, viewer: socket.socket) -> None:
        """Hand the memory to a viewer, for reading only."""
        try:
            read_only = os.open(f"/proc/self/fd/{self._memory_fd}", os.O_RDONLY)
            try:
                socket.send_fds(viewer, [b"\0"], [read_only])
            finally:
                os.close(read_only)
        except OSError:  # gone before it was greeted, or no descriptor is left
            viewer.close()
            return
        self._viewers.append(viewer)

    def _write(self, scene: Scene) -> None:
        """Write into the half that no viewer reads, then count it."""
        view = view_of(
            scene,
            status=self._status(),
            banner=self._banner(),
            thanks=self._thanks(),
            metres=self._metres(scene),
        )
        text = to_json(view)[:_JSON_BYTES]
        picture = self._picture(scene)
        image = None if picture is None else _shrunk(picture, self._side_px)
        height, width = (0, 0) if image is None else image.shape[:2]
        self._written += 1
        start = _PAGE + (self._written % 2) * _half_bytes(self._side_px)
        _HEAD.pack_into(self._memory, start, width, height, len(text))
        self._memory[start + _HEAD.size : start + _HEAD.size + len(text)] = text
        if image is not None:
            target = np.frombuffer(self._memory, np.uint8, image.size, start + _HEAD.size + _JSON_BYTES)
            target[:] = image.reshape(-1)
        _COUNT.pack_into(self._memory, 0, self._written)


class SceneReader:
    """Looks at the newest scene of a running maskwatch."""

    def __init__(self, path: Path) -> None:
        """Connect.

        Raises:
            InputError: nobody listens at `path`, or this user may not look.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._memory: mmap.mmap | None = None
        try:
            self._socket.connect(str(path))
        except PermissionError as error:
            self._socket.close()
            raise InputError(
                f"{path}: you may not look; mend: sudo usermod -aG maskwatch $USER, then log in again"
            ) from error
        except OSError as error:
            self._socket.close()
            raise InputError(f"{path}: no maskwatch is running there; start one with: maskwatch run") from error

    def newest(self, timeout_s: float) -> tuple[Image | None, View] | None:
        """Return (picture, view) of a scene not seen before, None if there is none within `timeout_s`.

        Raises:
            CameraLost: the maskwatch that was watched has ended.
        """
        readable, _, _ = select.select([self._socket], [], [], timeout_s)
        if not readable:
            return None
        if self._memory is None:
            self._memory = self._receive_memory()
            return self.newest(timeout_s)
        if not self._socket.recv(4096):
            raise CameraLost(_ENDED)
        while True:
            (count,) = _COUNT.unpack_from(self._memory)
            scene = _copy(self._memory, count % 2)
            if _COUNT.unpack_from(self._memory)[0] <= count + 1:
                return scene

    def _receive_memory(self) -> mmap.mmap:
        """Take the descriptor that greets every viewer."""
        _, fds, _, _ = socket.recv_fds(self._socket, 1, 1)
        if not fds:
            raise CameraLost(_ENDED)
        try:
            return mmap.mmap(fds[0], 0, prot=mmap.PROT_READ)
        finally:
            os.close(fds[0])

    def close(self) -> None:
        """Leave."""
        self._socket.close()


def _copy(memory: mmap.mmap, half: int) -> tuple[Image | None, View]:
    """Return picture and view of one half, as our own."""
    start = _PAGE + half * ((len(memory) - _PAGE) // 2)
    width, height, text_bytes = _HEAD.unpack_from(memory, start)
    text = memory[start + _HEAD.size : start + _HEAD.size + text_bytes]
    if not width:
        return None, from_json(text)
    pixels = np.frombuffer(memory, np.uint8, width * height * 3, start + _HEAD.size + _JSON_BYTES)
    return pixels.reshape(height, width, 3).copy(), from_json(text)


def _tell(viewer: socket.socket) -> bool:
    """Tell a viewer of a new scene; return False when it has gone."""
    try:
        viewer.send(b"\1")
    except BlockingIOError:
        return True
    except OSError:
        viewer.close()
        return False
    return True


def _shrunk(image: Image, side_px: int) -> Image:
    scale = side_px / max(image.shape[:2])
    if scale >= 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
