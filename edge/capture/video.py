"""Video files: every frame in order, in the time of the stream, past damage."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2

from edge.capture import decoder
from edge.capture.files import check_pixels, frame_pixels
from edge.capture.kinds import lacks_index
from edge.capture.prepared import unprepared
from edge.data import Frame
from edge.errors import CameraError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edge.data import Gap, Image

_NO_TIMEOUTS = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 2**31 - 1, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 2**31 - 1]
"""A file that stalls goes on where it was: with OpenCV's own 30 s it ended at the first read after them."""
_FAILED_READS = 1000
"""Reads in a row without a frame after which a video of unknown length is at its end; each takes 1 to 15 µs there."""
_MOST_FRAMES = 100_000
"""Bound of what a file may claim to hold after a damaged frame."""
_FALLBACK_HZ, _FASTEST_HZ = 25.0, 240.0
"""Rate of a video that names none, and the fastest that is believed: browsers' recordings name 1000."""
_JUMP_S = 60.0
"""Step between two frames from which the stream's clock has jumped; one of a video that is slower counts as real."""


class MediaClock:
    """Seconds since the first frame, from the stream's stamps; where they jump or are absent, one interval passes."""

    def __init__(self, interval_s: float) -> None:
        """Begin with the interval that the file's rate stands for."""
        self._interval_s, self._longest_s = interval_s, max(_JUMP_S, 10 * interval_s)
        self._offset_s = 0.0
        self._at: float | None = None

    def at(self, stamp_s: float) -> float:
        """Return when a frame with this stamp is shown, s; later than the frame before it."""
        if self._at is None:
            self._at, self._offset_s = 0.0, -stamp_s
            return 0.0
        step_s = stamp_s + self._offset_s - self._at
        if 0 < step_s <= self._longest_s:
            self._interval_s, self._at = step_s, self._at + step_s
        else:
            self._at += self._interval_s
            if stamp_s:  # 0 stands for none
                self._offset_s = self._at - stamp_s
        return self._at


class VideoSource:
    """The frames of a video file in media time; every frame is walked, and a damaged stretch is left out."""

    def __init__(
        self,
        path: Path,
        *,
        on_bad: Callable[[CameraError], None] | None = None,
        prepare: Callable[[Image], Image] = unprepared,
    ) -> None:
        """Open a video file, or a pipe that a video comes through; `prepare` changes each frame before anything else.

        Raises:
            InputError: no such file.
            CameraError: it is no video.
        """
        if not (path.is_file() or path.is_fifo()):
            raise InputError(f"{path}: no such file")
        self._path, self._on_bad, self._prepare = path, on_bad, prepare
        self._capture = _opened(path)
        check_pixels(str(path), frame_pixels(self._capture))
        rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate_hz = rate_hz if 0 < rate_hz <= _FASTEST_HZ else _FALLBACK_HZ
        self._names_rate = rate_hz == self.rate_hz
        self._read = self._damaged = 0

    @property
    def expected_frames(self) -> int:
        """What the file says of its length, 0 where it says nothing that can be believed."""
        return max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))) if self._names_rate else 0

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield every frame that can be decoded."""
        clock, at = MediaClock(1 / self.rate_hz), 0.0
        for image in self._decoded():
            at = clock.at(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
            decoder.check_frame(str(self._path), image)
            yield Frame(self._prepare(image), self._read - 1, at=at, read_at=time.monotonic())
        self._report_losses(at)

    def _decoded(self) -> Iterator[Image]:
        """Yield every image; what fails in between is counted as damaged, what fails at the end is the end."""
        failed = 0
        while failed <= max(_FAILED_READS, min(self.expected_frames - self._read, _MOST_FRAMES)):
            ok, image = self._capture.read()
            if not ok:
                failed += 1
                continue
            self._damaged, failed = self._damaged + failed, 0
            self._read += 1
            yield image  # type: ignore[misc]

    def _report_losses(self, at: float) -> None:
        """Name a video that broke off or has lost frames: containers round their counts, so a tenth may be missing."""
        if self._on_bad is None:
            return
        expected = self.expected_frames
        if at + 1 / self.rate_hz < 0.9 * expected / self.rate_hz - 1:
            self._on_bad(CameraError(f"{self._path}: is truncated: {self._read} of {expected} frames"))
        elif self._damaged or self._read < 0.9 * expected - 1:
            lost = max(self._damaged, expected - self._read)
            self._on_bad(CameraError(f"{self._path}: is damaged: {lost} of {lost + self._read} frames are lost"))

    def close(self) -> None:
        """Release the decoder."""
        self._capture.release()


def _opened(path: Path) -> cv2.VideoCapture:
    """Open a video.

    Raises:
        CameraError: it cannot be read, or is no video.
    """
    try:
        with name_for_opencv(path) as name:
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, _NO_TIMEOUTS)
        if capture.isOpened():
            return capture
        cut_off = path.is_file() and lacks_index(path)
    except OSError as error:
        raise CameraError(f"{path}: cannot be read: {error.strerror}") from error
    if cut_off:
        raise CameraError(f"{path}: has no index (moov): its recording was cut off; fix: repair it with untrunc")
    raise CameraError(f"{path}: is no video that OpenCV can read")


@contextmanager
def name_for_opencv(path: Path) -> Iterator[str]:
    """Yield a name that OpenCV takes: absolute, since FFmpeg reads "a:b" as a protocol, and in UTF-8.

    What Python makes of other bytes (surrogateescape) ends OpenCV; such a file is opened through its descriptor.
    """
    name = str(path.absolute())
    if name.isascii() or name.encode(errors="replace").decode() == name:
        yield name
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
