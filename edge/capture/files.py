"""Pictures and videos on disk: walked one by one, without drops, in media time."""

from __future__ import annotations

import struct
import time
import warnings
from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image as Headers

from edge.capture import decoder
from edge.data import Frame
from edge.errors import CameraError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edge.data import Gap, Image

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
VIDEOS = frozenset(
    {".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mjpeg", ".mjpg", ".ts", ".mpg", ".mpeg", ".h264"}
)
_PNG = b"\x89PNG\r\n\x1a\n"
_FOLDER_FPS_HZ = 1.0
"""A folder's pictures count as one second apart."""
_NO_TIMEOUTS = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 2**31 - 1, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 2**31 - 1]
"""A file that stalls goes on where it was: with OpenCV's own 30 s it ended at the first read after them."""
MAX_PIXELS = 2**26
"""200 MB decoded, more than any camera gives: a file of 1 MB may claim 2 GB. `edge/__main__.py` sets OpenCV's own bound
to the same, for formats whose header only OpenCV reads."""


_HEADERS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
_OPENCV_BOUND = "CV_IO_MAX_IMAGE_PIXELS"
"""Part of OpenCV's message. Source: imgcodecs/src/loadsave.cpp, validateInputImageSize."""


def untouched(_image: Image) -> None:
    """Leave a picture as it is."""


def read_picture(path: Path) -> Image:
    """Return a picture as uint8 (H, W, 3) BGR after its EXIF rotation; grey and alpha become BGR.

    Raises:
        CameraError: it cannot be read, is no picture, or has more than `MAX_PIXELS`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CameraError(f"{path}: cannot be read: {error.strerror}") from error
    check_pixels(str(path), claimed_pixels(content))
    sound = content and not (content.startswith(_PNG) and is_cut(content))
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if sound else None
    except cv2.error as error:
        check_pixels(str(path), MAX_PIXELS + 1 if _OPENCV_BOUND in str(error.err) else 0)
        raise CameraError(f"{path}: cannot be decoded: {error.err or 'too large'}") from error
    if image is None:
        raise CameraError(f"{path}: {'is no picture that OpenCV can read' if content else 'is empty'}")
    return image  # type: ignore[return-value]


def claimed_pixels(content: bytes) -> int:
    """Return how many pixels an image's header claims, nothing decoded; 0 where Pillow knows no such header."""
    try:
        with warnings.catch_warnings(action="ignore"):
            width_px, height_px = Headers.open(BytesIO(content), formats=_HEADERS).size
    except Headers.DecompressionBombError:
        return MAX_PIXELS + 1
    except (OSError, ValueError, SyntaxError, OverflowError, struct.error):
        return 0
    return width_px * height_px


def check_pixels(name: str, pixels: float) -> None:
    """Refuse an image that would take too much memory.

    Raises:
        CameraError: it has more than `MAX_PIXELS`.
    """
    if pixels > MAX_PIXELS:
        raise CameraError(f"{name}: has more pixels than the limit of {MAX_PIXELS / 1e6:.0f} million; fix: shrink it")


def frame_pixels(capture: cv2.VideoCapture) -> float:
    """Return how many pixels a frame of an opened capture has; known before the first is decoded whole."""
    return capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT)


def is_cut(png: bytes) -> bool:
    """Return whether a chunk claims more bytes than there are: the decoder would allocate what it claims, up to 2 GB.

    Source: PNG specification, third edition, section 5.3: length, type, data, checksum.
    """
    at = len(_PNG)
    while at + 12 <= len(png):
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return at > len(png)


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder, not of its subfolders, by name.

    Raises:
        InputError: there is none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.is_file())
    if not found:
        raise InputError(f"{folder}: holds no picture ({', '.join(sorted(PICTURES))})")
    return found


class FolderSource:
    """The pictures of a folder, or one picture, as frames a second apart; unreadable ones are passed over and told."""

    def __init__(
        self, path: Path, *, on_bad: Callable[[CameraError], None], paint: Callable[[Image], None] = untouched
    ) -> None:
        """Take a folder or one picture; `paint` changes each in place.

        Raises:
            InputError: there is no picture.
        """
        self._paths = pictures_in(path) if path.is_dir() else [path]
        self._on_bad, self._paint = on_bad, paint

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield one frame a picture."""
        for seq, path in enumerate(self._paths):
            try:
                image = read_picture(path)
            except CameraError as error:
                self._on_bad(error)
                continue
            self._paint(image)
            yield Frame(image, seq, at=seq / _FOLDER_FPS_HZ, read_at=time.monotonic())

    def close(self) -> None:
        """Hold nothing open."""


class VideoSource:
    """The frames of a video file in media time; every frame is walked."""

    def __init__(
        self,
        path: Path,
        *,
        on_bad: Callable[[CameraError], None] | None = None,
        paint: Callable[[Image], None] = untouched,
    ) -> None:
        """Open a video file, or a pipe that a video comes through; `paint` changes each picture in place.

        Raises:
            InputError: no such file.
            CameraError: it is no video.
        """
        if not (path.is_file() or path.is_fifo()):
            raise InputError(f"{path}: no such file")
        self._path, self._on_bad, self._paint = path, on_bad, paint
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, _NO_TIMEOUTS)
        if not self._capture.isOpened():
            raise CameraError(f"{path}: is no video that OpenCV can read")
        check_pixels(str(path), frame_pixels(self._capture))
        rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS))
        self._rate_hz = rate_hz if 0 < rate_hz <= 1000 else 25.0

    @property
    def expected_frames(self) -> int:
        """What the file says of its length, 0 where it says nothing."""
        return max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield every frame."""
        seq = 0
        while True:
            ok, image = self._capture.read()
            if not ok:
                break
            decoder.check_frame(str(self._path), image)  # type: ignore[arg-type]
            self._paint(image)  # type: ignore[arg-type]
            yield Frame(image, seq, at=seq / self._rate_hz, read_at=time.monotonic())  # type: ignore[arg-type]
            seq += 1
        self._judge_end(seq)

    def _judge_end(self, read_frames: int) -> None:
        """Say so when a video broke off: containers round their frame count, so a tenth may be missing."""
        if self._on_bad and read_frames < 0.9 * self.expected_frames - 1:
            self._on_bad(CameraError(f"{self._path}: is truncated: {read_frames} of {self.expected_frames} frames"))

    def close(self) -> None:
        """Release the decoder."""
        self._capture.release()
