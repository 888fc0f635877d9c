"""The live image: drawn and encoded once for all browsers, on a thread that sleeps while nobody watches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2

from edge.show.overlay import draw
from edge.show.page.stream import Newest, ViewerLimit
from edge.show.shared_scene import SceneReader
from edge.show.view import View

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from edge.data import Image

log = logging.getLogger(__name__)

BOUNDARY = "picture"
_DELIMITER = f"--{BOUNDARY}\r\n".encode()
_JPEG_QUALITY = 75
_ZOOM = 1.8
"""A phone shows the image at a third of its width."""
_WAIT_S = 0.2
_RETRY_S = 1.0
_REPEAT_S = 5.0
"""After this long without a new image the last one is sent again, so that a closed connection is noticed."""
_JOIN_S = 2.0
_DRAWING_ERRORS = (ArithmeticError, LookupError, TypeError, ValueError, MemoryError, cv2.error)
"""What drawing can raise on values that were not foreseen."""


class LiveImage:
    """The newest image as JPEG, made while there are viewers."""

    def __init__(self, path: Path, *, viewers: int) -> None:
        """Read the scene at `path`, for at most `viewers` browsers at once."""
        self._path = path
        self._viewers = ViewerLimit(viewers)
        self._newest: Newest[bytes] = Newest(b"")
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="live image", daemon=True)

    def start(self) -> None:
        """Start the thread, which publishes on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def close(self) -> None:
        """Stop the thread, and wait for it up to its deadline."""
        self._stop.set()
        self._wanted.set()
        self._thread.join(_JOIN_S)

    def add_viewer(self) -> bool:
        """Count one more viewer, to be removed by `remove_viewer`; return False where the limit is reached."""
        if not self._viewers.acquire():
            return False
        self._wanted.set()
        return True

    def remove_viewer(self) -> None:
        """Count one viewer less; without viewers no image is made, and the last one is dropped."""
        self._viewers.release()
        if not (self._viewers.count or self._stop.is_set()):
            self._wanted.clear()
            self._newest = Newest(b"")

    async def parts(self, allowed: Callable[[], bool]) -> AsyncGenerator[bytes]:
        """Yield parts of multipart/x-mixed-replace, each the newest image, while `allowed`.

        A browser shows a part when the next delimiter arrives, so each part ends with one.
        """
        yield _DELIMITER
        number, newest = 0, self._newest
        while allowed():
            number = await newest.after(number, _REPEAT_S)
            if jpeg := newest.value:
                header = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                yield header + jpeg + b"\r\n" + _DELIMITER

    def _run(self) -> None:
        while self._wanted.wait() and not self._stop.is_set():
            try:
                with contextlib.closing(SceneReader(self._path)) as reader:
                    self._follow(reader)
            except OSError:  # no service is there, or it has ended: connect again when it comes back
                self._hand_over(encoded(None, View(status="no image: the service is not running")))
                self._stop.wait(_RETRY_S)
            except _DRAWING_ERRORS:  # the edge of the image thread: no value that it is given may end it for good
                log.exception("web page: a scene cannot be shown")
                self._stop.wait(_RETRY_S)

    def _follow(self, reader: SceneReader) -> None:
        while self._wanted.is_set() and not self._stop.is_set():
            scene = reader.newest(_WAIT_S)
            if scene is not None:
                self._hand_over(encoded(*scene))

    def _hand_over(self, jpeg: bytes) -> None:
        """Publish an image on the event loop."""
        assert self._loop is not None  # noqa: S101 - for mypy: `start` came first
        self._loop.call_soon_threadsafe(self._publish, jpeg)

    def _publish(self, jpeg: bytes) -> None:
        if self._viewers.count:
            self._newest.replace(jpeg)


def encoded(image: Image | None, view: View) -> bytes:
    """Return an image with its boxes as JPEG; the status is drawn only without an image, since the page shows it."""
    shown = view if image is None else replace(view, status="")
    _, jpeg = cv2.imencode(".jpg", draw(image, shown, zoom=_ZOOM), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return jpeg.tobytes()
