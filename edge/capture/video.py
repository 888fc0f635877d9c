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
from edge.capture.preprocess import unprepared
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
_GAP, _FEW_GAPS, _GAP_SHARE = 1.5, 3, 0.02
"""Step in intervals from which frames are missing, and how many such a video may have, at least and as a share of its
frames, whose rate is steady: of one whose rate varies nobody knows how many frames it should have."""
_JUMP_S = 60.0
"""Step between two frames from which the stream's clock has jumped; one of a video that is slower counts as real."""


_ALWAYS_DECODED = ("h264", "avc1", "mjpg", "mp4v")
"""Codecs that every OpenCV has; its wheels from 4.10 to 4.12 lack AV1."""


class MediaClock:
    """Seconds since the first frame, from the stream's stamps; where they jump or are absent, one interval passes."""

    def __init__(self, interval_s: float) -> None:
        """Begin with the interval that the file's rate stands for."""
        self._nominal_s = self._interval_s = interval_s
        self._longest_s = max(_JUMP_S, 10 * interval_s)
        self._offset_s = self._earlier_s = 0.0
        self._at: float | None = None
        self.stamp_s = 0.0
        self.jumps, self.gaps = 0, 0
        """How often the stamps jumped, and how often a step was longer than the rate allows."""

    def at(self, stamp_s: float) -> float:
        """Return when a frame with this stamp is shown, s; later than the frame before it."""
        self.stamp_s = stamp_s or self.stamp_s  # 0 stands for none
        if self._at is None:
            self._at, self._offset_s = 0.0, -stamp_s
            self._earlier_s = self._offset_s
        else:
            self._at += self._step_s(stamp_s, self._at)
        return self._at

    def _step_s(self, stamp_s: float, at: float) -> float:
        """Return how much time passes up to a frame with this stamp, more than 0."""
        step_s, earlier_s = stamp_s + self._offset_s - at, stamp_s + self._earlier_s - at
        is_strange = not 0 < step_s <= _GAP * self._interval_s
        if is_strange and self._earlier_s != self._offset_s and -2 * self._nominal_s < earlier_s < abs(step_s):
            # one frame alone was out of its turn, as where a decoder comes out of a damaged stretch
            self._offset_s, self.jumps = self._earlier_s, self.jumps - 1
            return max(earlier_s, 0.1 * self._nominal_s)
        if 0 < step_s <= self._longest_s:
            self.gaps += step_s > _GAP * self._nominal_s
            self._interval_s = step_s
        elif stamp_s:
            self.jumps += 1
            self._earlier_s, self._offset_s = self._offset_s, at + self._interval_s - stamp_s
        return step_s if 0 < step_s <= self._longest_s else self._interval_s


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
        clock = MediaClock(1 / self.rate_hz)
        for image in self._decoded():
            at = clock.at(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
            decoder.check_frame(str(self._path), image)
            yield Frame(self._prepare(image), self._read - 1, at=at, read_at=time.monotonic())
        if self._on_bad and (loss := self._loss(clock)):
            self._on_bad(CameraError(f"{self._path}: {loss}"))

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

    def _loss(self, clock: MediaClock) -> str:
        """Return what a video lacks; containers round their counts, so a tenth may be missing."""
        read, expected = self._read, self.expected_frames
        if not read:
            codec = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("latin-1")
            if codec.lower() in _ALWAYS_DECODED:
                return "is damaged: not one frame can be decoded"
            return f"holds no frame that OpenCV {cv2.__version__} decodes ({codec}); fix: convert it to H.264"
        is_short = read < 0.9 * expected - 1
        end_s = (clock.stamp_s or read / self.rate_hz) + 1 / self.rate_hz
        if is_short and end_s < 0.9 * expected / self.rate_hz - 1:
            return f"is truncated: {read} of {expected} frames"
        is_steady = not clock.jumps and clock.gaps <= max(_FEW_GAPS, _GAP_SHARE * read)
        lost = self._damaged or (expected - read if is_short and is_steady else 0)
        return f"is damaged: {lost} of {lost + read} frames are lost" if lost else ""

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
