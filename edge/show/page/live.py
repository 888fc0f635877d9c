"""The live picture: boxes drawn and JPEG made once for all who look, on a thread that rests while nobody does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2

from edge.show.overlay import draw
from edge.show.page.newest import Newest
from edge.show.page.stream import ViewerLimit
from edge.show.shared_scene import SceneReader
from edge.show.view import View

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from edge.data import Image

log = logging.getLogger(__name__)

BOUNDARY = "picture"
_MARK = f"--{BOUNDARY}\r\n".encode()
_QUALITY = 75
_ZOOM = 1.8
"""A phone shows the picture at a third of its width."""
_WAIT_S = 0.2
_RETRY_S = 1.0
_AGAIN_S = 5.0
"""A picture is sent again after this long without another, so that a reader who is gone is noticed."""
_JOIN_S = 2.0
_UNDRAWABLE = (ArithmeticError, LookupError, TypeError, ValueError, MemoryError, cv2.error)
"""What drawing raises over values that nobody thought of."""


class Pictures:
    """The newest picture as JPEG, while anybody has a seat."""

    def __init__(self, path: Path, *, viewers: int) -> None:
        """Look at the scene at `path` for at most `viewers` at once."""
        self._path, self._seats = path, ViewerLimit(viewers)
        self._newest: Newest[bytes] = Newest(b"")
        self._watched, self._stop = threading.Event(), threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)

    def start(self) -> None:
        """Begin, on the event loop that runs."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def close(self) -> None:
        """End the thread within its deadline."""
        self._stop.set()
        self._watched.set()
        self._thread.join(_JOIN_S)

    def take_seat(self) -> bool:
        """Return whether there is room for one more; whoever takes a seat must leave it."""
        if not self._seats.take():
            return False
        self._watched.set()
        return True

    def leave(self) -> None:
        """Leave the seat; the last one to leave turns off the light."""
        self._seats.leave()
        if not (self._seats.taken or self._stop.is_set()):
            self._watched.clear()
            self._newest = Newest(b"")

    async def parts(self, allowed: Callable[[], bool]) -> AsyncGenerator[bytes]:
        """Yield parts of multipart/x-mixed-replace, each the newest picture, while `allowed`.

        A browser shows a part when the next mark arrives, so each part brings the mark that ends it.
        """
        yield _MARK
        number, newest = 0, self._newest
        while allowed():
            number = await newest.after(number, _AGAIN_S)
            if newest.value:
                size = len(newest.value)
                yield b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % size + newest.value + b"\r\n" + _MARK

    def _run(self) -> None:
        while self._watched.wait() and not self._stop.is_set():
            try:
                with contextlib.closing(SceneReader(self._path)) as reader:
                    self._follow(reader)
            except OSError:  # no watch runs there, or it has ended: it is met again when it comes back
                self._offer(encoded(None, View(status="no image: the service does not run")))
                self._stop.wait(_RETRY_S)
            except _UNDRAWABLE:  # the edge of the image thread: whatever it is given, it must not end for good
                log.exception("web page: a scene cannot be shown")
                self._stop.wait(_RETRY_S)

    def _follow(self, reader: SceneReader) -> None:
        while self._watched.is_set() and not self._stop.is_set():
            scene = reader.newest(_WAIT_S)
            if scene is not None:
                self._offer(encoded(*scene))

    def _offer(self, jpeg: bytes) -> None:
        assert self._loop is not None  # noqa: S101 - for mypy: start came first
        self._loop.call_soon_threadsafe(self._publish, jpeg)

    def _publish(self, jpeg: bytes) -> None:
        if self._seats.taken:
            self._newest.offer(jpeg)


def encoded(image: Image | None, view: View) -> bytes:
    """Return a picture with its boxes as JPEG; the page tells the state, so the line is drawn where no picture is."""
    shown = view if image is None else replace(view, status="")
    _, jpeg = cv2.imencode(".jpg", draw(image, shown, zoom=_ZOOM), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()
