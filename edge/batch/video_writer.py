"""Write drawn frames as a video: H.264 by OpenCV or the program ffmpeg, else MPEG-4 Part 2, which OpenCV always has."""

from __future__ import annotations

import os
import subprocess
import zlib
from functools import cache
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from edge import programs
from edge.capture.video import name_for_opencv
from edge.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from edge.data import Image

_CODECS = ("avc1", "mp4v")
"""OpenCV's codes for H.264, which its wheels cannot encode, and for MPEG-4 Part 2."""


class VideoWriter:
    """A video at a constant rate that appears under its name when it is closed; a frame is repeated until the next."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        """Write to `path`, an .mp4; nothing is opened before the first frame."""
        self._path = path
        self._rate_hz = rate_hz
        self._part = path.with_name(f".maskwatch-{zlib.crc32(os.fsencode(path.name)):08x}.mp4")
        self._encoder: _Encoder | None = None
        self._newest: Image | None = None
        self._size_px = (0, 0)
        self._written = 0

    def write(self, image: Image, at: float) -> None:
        """Add an image, uint8 (H, W, 3) BGR, that is shown from `at` seconds on.

        Raises:
            OutputError: it cannot be written.
        """
        self._repeat_until(round(at * self._rate_hz))
        if self._encoder is None:
            height, width = image.shape[:2]
            self._size_px = max(width // 2 * 2, 2), max(height // 2 * 2, 2)  # H.264 needs even sides
            self._encoder = _encoder(self._path, self._part, self._rate_hz, self._size_px)
        self._newest = _fitted(image, self._size_px)

    def _repeat_until(self, due: int) -> None:
        while self._newest is not None and self._encoder and self._written < due:
            self._encoder.write(self._newest)
            self._written += 1

    def close(self) -> None:
        """Finish the video and give it its name; what has been written is kept even after an error.

        Raises:
            OutputError: it cannot be written.
        """
        if self._encoder is None:
            return
        try:
            self._repeat_until(self._written + 1)
        finally:
            encoder = self._encoder
            self._encoder = None
            self._end(encoder)

    def _end(self, encoder: _Encoder) -> None:
        try:
            encoder.close()
            if not _is_whole(self._part):
                raise OutputError(f"{self._path}: cannot be written: is the disk full?")
            self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)


class _Encoder(Protocol):
    def write(self, image: Image) -> None:
        """Append a frame."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def _encoder(path: Path, part: Path, rate_hz: float, size_px: tuple[int, int]) -> _Encoder:
    """Return the best encoder that is available.

    Raises:
        OutputError: none can write to this folder.
    """
    try:
        part.write_bytes(b"")  # OpenCV gives no reason why it cannot write
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    ffmpeg = _ffmpeg()
    for codec in _CODECS if ffmpeg is None else _CODECS[:1]:
        encoder = _OpenCv(part, codec, rate_hz, size_px)
        if encoder.is_open:
            return encoder
    if ffmpeg is None:
        raise OutputError(f"{path}: cannot be written: OpenCV has no encoder; fix: sudo apt install ffmpeg")
    return _Ffmpeg(ffmpeg, path, part, rate_hz, size_px)


@cache
def _ffmpeg() -> str | None:
    """Return the path of an ffmpeg that can encode H.264, None if there is none."""
    program = programs.path_of("ffmpeg")
    if program is None:
        return None
    listed = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, check=False)  # noqa: S603
    return program if b" libx264 " in listed.stdout else None


class _OpenCv:
    """OpenCV's writer; it never reports a full disk."""

    def __init__(self, part: Path, codec: str, rate_hz: float, size_px: tuple[int, int]) -> None:
        # through the folder's descriptor: OpenCV fails on a path that is not valid UTF-8
        self._folder = os.open(part.parent, os.O_RDONLY)
        name = f"/proc/self/fd/{self._folder}/{part.name}"
        fourcc = cv2.VideoWriter.fourcc(*codec)
        self._writer = cv2.VideoWriter(name, cv2.CAP_FFMPEG, fourcc, rate_hz, size_px)
        self.is_open = self._writer.isOpened()
        if not self.is_open:
            os.close(self._folder)

    def write(self, image: Image) -> None:
        self._writer.write(image)

    def close(self) -> None:
        self._writer.release()
        os.close(self._folder)


class _Ffmpeg:
    """The program ffmpeg, fed through a pipe; in its own session, so that it can finish the file after Ctrl-C."""

    def __init__(self, program: str, path: Path, part: Path, rate_hz: float, size_px: tuple[int, int]) -> None:
        frames = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", "{}x{}".format(*size_px), "-r", f"{rate_hz:.6g}")
        encoder = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
        command = [program, "-loglevel", "error", "-y", *frames, "-i", "-", *encoder, f"file:{part.absolute()}"]
        self._path = path
        self._process = subprocess.Popen(  # noqa: S603 - a program by its absolute path
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )

    def write(self, image: Image) -> None:
        """Append a frame.

        Raises:
            OutputError: ffmpeg has ended.
        """
        try:
            self._process.stdin.write(image.tobytes())  # type: ignore[union-attr]
        except BrokenPipeError:
            self.close()

    def close(self) -> None:
        """End the file.

        Raises:
            OutputError: ffmpeg could not write it.
        """
        _, messages = self._process.communicate()
        if self._process.returncode:
            lines = messages.decode(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else f"ffmpeg exited with {self._process.returncode}"
            raise OutputError(f"{self._path}: cannot be written: {reason}")


def _fitted(image: Image, size_px: tuple[int, int]) -> Image:
    """Return an image of the video's size: the size of some sources changes, and a side may not be even."""
    width, height = size_px
    if image.shape[:2] == (height, width):
        return image
    if image.shape[0] - height in (0, 1) and image.shape[1] - width in (0, 1):
        return np.ascontiguousarray(image[:height, :width])
    return cv2.resize(image, size_px).astype(np.uint8, copy=False)


def _is_whole(part: Path) -> bool:
    """Return whether a finished video can be opened: OpenCV's writer never reports a full disk."""
    with name_for_opencv(part) as name:
        return cv2.VideoCapture(name, cv2.CAP_FFMPEG).isOpened()
