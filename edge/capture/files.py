"""Images on disk: one, or those of a folder, read one by one without drops."""

from __future__ import annotations

import struct
import time
import warnings
from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image as Headers

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
"""A folder's pictures count as one second apart."""
MAX_PIXELS = 2**26
"""200 MB decoded, more than any camera gives: a file of 1 MB may claim 2 GB. `edge/__main__.py` sets OpenCV's own bound
to the same, for formats whose header only OpenCV reads."""


_HEADERS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
_OPENCV_BOUND = "CV_IO_MAX_IMAGE_PIXELS"
"""Part of OpenCV's message. Source: imgcodecs/src/loadsave.cpp, validateInputImageSize."""


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
        raise CameraError(f"{path}: {_why_unread(content)}")
    return image  # type: ignore[return-value]


def _why_unread(content: bytes) -> str:
    if name := rare_image(content):
        return f"is {name}, which OpenCV {cv2.__version__} does not decode; fix: convert it to JPEG"
    return "is no picture that OpenCV can read" if content else "is empty"


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


class FolderSource:
    """The images of a folder, or one image, as frames a second apart; what cannot be read is passed over and named."""

    def __init__(
        self, path: Path, *, on_bad: Callable[[CameraError], None], prepare: Callable[[Image], Image] = unprepared
    ) -> None:
        """Take a folder or one image; `prepare` changes each before it is handed out.

        Raises:
            InputError: there is no image.
        """
        self._paths = _images_in(path, on_bad) if path.is_dir() else [path]
        self._on_bad, self._prepare = on_bad, prepare

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield one frame per image."""
        for seq, path in enumerate(self._paths):
            try:
                image = read_picture(path)
            except CameraError as error:
                self._on_bad(error)
                continue
            yield Frame(self._prepare(image), seq, at=seq / _FOLDER_FPS_HZ, read_at=time.monotonic())

    def close(self) -> None:
        """Hold nothing open."""


def _images_in(folder: Path, on_bad: Callable[[CameraError], None]) -> list[Path]:
    contents = contents_of(folder, [Kind.IMAGE])
    if contents.passed_over:
        on_bad(CameraError(f"{folder}: passed over {contents}"))
    if not contents.files:
        raise InputError(f"{folder}: holds no picture")
    return [path for path, _ in contents.files]
