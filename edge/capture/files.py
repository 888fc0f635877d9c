"""Images on disk: one, or all of a folder, read one by one without drops."""

from __future__ import annotations

import struct
import time
import warnings
from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.capture.kinds import Kind, contents_of, rare_image
from edge.capture.preprocess import unprepared
from edge.data import Frame
from edge.errors import CameraError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edge.data import Gap, Image

_PNG = b"\x89PNG\r\n\x1a\n"
_FOLDER_FPS_HZ = 1.0
"""A folder's images count as one second apart."""
MAX_PIXELS = 2**26
"""200 MB decoded, more than from any camera: a file of 1 MB may claim 2 GB. `edge/__main__.py` sets OpenCV's own limit
to the same, for formats whose header only OpenCV reads."""
_HEADERS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
_OPENCV_LIMIT = "CV_IO_MAX_IMAGE_PIXELS"
"""Part of OpenCV's message. Source: imgcodecs/src/loadsave.cpp, validateInputImageSize."""


def read_image(path: Path) -> Image:
    """Return an image as uint8 (H, W, 3) BGR after its EXIF rotation; grey and alpha become BGR.

    Raises:
        CameraError: it cannot be read, is not an image, or has more than `MAX_PIXELS`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CameraError(f"{path}: cannot be read: {error.strerror}") from error
    check_pixels(str(path), claimed_pixels(content))
    intact = content and not (content.startswith(_PNG) and is_truncated(content))
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if intact else None
    except cv2.error as error:
        check_pixels(str(path), MAX_PIXELS + 1 if _OPENCV_LIMIT in str(error.err) else 0)
        raise CameraError(f"{path}: cannot be decoded: {error.err or 'too large'}") from error
    if image is None:
        raise CameraError(f"{path}: {_why_unread(content)}")
    return image  # type: ignore[return-value]


def _why_unread(content: bytes) -> str:
    if name := rare_image(content):
        return f"is {name}, which OpenCV {cv2.__version__} does not decode; fix: convert it to JPEG"
    return "is not an image that OpenCV can read" if content else "is empty"


def claimed_pixels(content: bytes) -> int:
    """Return the number of pixels in an image's header, without decoding; 0 if Pillow does not know the format."""
    from PIL import Image as Headers  # noqa: PLC0415 - a camera needs no Pillow, nor does a video

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
    """Return the number of pixels per frame of an opened capture, known before the first frame is decoded."""
    return capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT)


def is_truncated(png: bytes) -> bool:
    """Return whether a chunk claims more bytes than the file has: the decoder would allocate them, up to 2 GB.

    Source: PNG specification, third edition, section 5.3: length, type, data, checksum.
    """
    at = len(_PNG)
    while at + 12 <= len(png):
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return at > len(png)


class FolderSource:
    """The images of a folder, or one image, as frames one second apart; unreadable ones are skipped and reported."""

    def __init__(
        self, path: Path, *, on_bad: Callable[[CameraError], None], prepare: Callable[[Image], Image] = unprepared
    ) -> None:
        """Read a folder or one image; each image passes through `prepare`.

        Raises:
            InputError: the folder contains no image.
        """
        self._paths = _images_in(path, on_bad) if path.is_dir() else [path]
        self._on_bad, self._prepare = on_bad, prepare

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield one frame per image."""
        for seq, path in enumerate(self._paths):
            try:
                image = read_image(path)
            except CameraError as error:
                self._on_bad(error)
                continue
            yield Frame(self._prepare(image), seq, at=seq / _FOLDER_FPS_HZ, read_at=time.monotonic())

    def close(self) -> None:
        """Hold nothing open."""


def _images_in(folder: Path, on_bad: Callable[[CameraError], None]) -> list[Path]:
    contents = contents_of(folder, [Kind.IMAGE])
    if contents.skipped:
        on_bad(CameraError(f"{folder}: skipped {contents}"))
    if not contents.files:
        raise InputError(f"{folder}: has no image")
    return [path for path, _ in contents.files]
