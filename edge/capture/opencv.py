"""USB cameras and network streams through OpenCV, with a timeout on each call that supports one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.capture import CameraImage, decoder, probe
from edge.capture.files import MAX_PIXELS, check_pixels, frame_pixels
from edge.errors import CameraError, CameraLost
from edge.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_EMPTY_READS = 25
"""Consecutive reads without an image after which a camera counts as lost."""
_MAX_FAILED_READS = 3
"""Consecutive failed reads that are tolerated: a damaged packet fails one read, the end of a stream all that follow."""


class OpenCvCamera:
    """Camera on an opened cv2.VideoCapture."""

    def __init__(
        self,
        name: str,
        capture: cv2.VideoCapture,
        *,
        is_stream: bool = False,
        why_not: Callable[[], str] = lambda: "is it plugged in, reachable and free?",
    ) -> None:
        """Take over an opened capture; a stream's frames are checked for the decoder's known fault.

        why_not: returns the reason if the capture did not open.

        Raises:
            CameraError: it did not open, or its frames are too large.
        """
        self._name, self._capture, self._is_stream = name, capture, is_stream
        self._failed_reads = 0
        self._empty_reads = 0
        if not capture.isOpened():
            capture.release()
            raise CameraError(f"{name}: cannot be opened: {why_not()}")
        try:
            check_pixels(name, frame_pixels(capture))
        except CameraError:
            capture.release()
            raise

    def read(self) -> CameraImage | None:
        """Return the next image, None for a damaged one.

        Raises:
            CameraLost: the camera has ended, timed out or delivers no images any more.
            CameraError: it is interlaced, and the decoder is broken.
        """
        ok, image = self._capture.read()
        self._failed_reads = 0 if ok else self._failed_reads + 1
        if ok and _is_image(image):
            self._empty_reads = 0
            if self._is_stream:
                decoder.check_frame(self._name, image)  # type: ignore[arg-type]
            return CameraImage(image)  # type: ignore[arg-type]
        self._empty_reads += 1
        if self._failed_reads > _MAX_FAILED_READS or self._empty_reads > _MAX_EMPTY_READS:
            raise CameraLost(f"{self._name}: delivers no images any more")
        return None

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


def _is_image(image: object) -> bool:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        return False
    return image.ndim == 3 and image.shape[2] == 3 and 0 < image.size <= 3 * MAX_PIXELS


def open_usb(device: str, *, width_px: int, height_px: int, fps_hz: float) -> OpenCvCamera:
    """Open a USB camera by number or path.

    Raises:
        CameraError: there is none.
    """
    target: int | str = int(device) if device.isdecimal() else device
    capture = cv2.VideoCapture(target, cv2.CAP_V4L2)
    # MJPEG first: USB 2 cannot carry raw 720p at more than 10 fps
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, width_px)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height_px)
    capture.set(cv2.CAP_PROP_FPS, fps_hz)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    path = Path(f"/dev/video{device}" if device.isdecimal() else device)
    return OpenCvCamera(f"usb:{device}", capture, why_not=partial(probe.why_no_device, path))


def open_stream(url: str, *, open_timeout_s: float, read_timeout_s: float) -> OpenCvCamera:
    """Open a network stream (rtsp, http).

    Raises:
        CameraError: it does not answer within `open_timeout_s`.
    """
    timeouts = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        int(1e3 * open_timeout_s),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        int(1e3 * read_timeout_s),
    ]
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, timeouts)
    return OpenCvCamera(redacted(url), capture, is_stream=True, why_not=partial(probe.why_not, url, open_timeout_s))
