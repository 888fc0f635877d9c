"""Video files: every frame in order, in media time, skipping damaged stretches."""

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
"""A file that stalls continues where it was; with OpenCV's default of 30 s, the read after a stall ended the video."""
_FAILED_READS = 1000
"""Consecutive failed reads after which a video of unknown length is at its end; there, each takes 1 to 15 µs."""
_MOST_FRAMES = 100_000
"""Limit on the number of frames that a file may claim to have after a damaged frame."""
_FALLBACK_HZ, _FASTEST_HZ = 25.0, 240.0
"""Rate of a video without one, and the highest that is believed: browsers' recordings claim 1000."""
_GAP, _FEW_GAPS, _GAP_SHARE = 1.5, 3, 0.02
"""Step, in intervals, that counts as a gap, and the number of gaps, absolute and as a share of the frames, up to which
a video's rate counts as steady: with a variable rate, the expected number of frames is unknown."""
_JUMP_S = 60.0
"""Step between two frames that counts as a jump of the stream's clock, unless the video's own interval is longer."""
_ALWAYS_DECODED = ("h264", "avc1", "mjpg", "mp4v")
"""Codecs that every build of OpenCV has; its wheels from 4.10 to 4.12 lack AV1."""


class MediaClock:
    """Seconds since the first frame, from the stream's timestamps; if they jump or are missing, by one interval."""

    def __init__(self, interval_s: float) -> None:
        """Start with the interval of the file's frame rate."""
        self._nominal_s = interval_s
        self._interval_s = interval_s
        self._longest_s = max(_JUMP_S, 10 * interval_s)
        self._offset_s = 0.0
        self._earlier_s = 0.0
        self._at: float | None = None
        self.stamp_s = 0.0
        self.jumps = 0
        self.gaps = 0
        """Number of jumps of the timestamps, and of steps longer than the rate allows."""

    def at(self, stamp_s: float) -> float:
        """Return the media time of a frame with this timestamp, s; always later than the frame before it."""
        self.stamp_s = stamp_s or self.stamp_s  # 0 means no timestamp
        if self._at is None:
            self._at = 0.0
            self._offset_s = -stamp_s
            self._earlier_s = self._offset_s
        else:
            self._at += self._step_s(stamp_s, self._at)
        return self._at

    def _step_s(self, stamp_s: float, at: float) -> float:
        """Return the time from the last frame to one with this timestamp, more than 0."""
        step_s = stamp_s + self._offset_s - at
        earlier_s = stamp_s + self._earlier_s - at
        is_irregular = not 0 < step_s <= _GAP * self._interval_s
        if is_irregular and self._earlier_s != self._offset_s and -2 * self._nominal_s < earlier_s < abs(step_s):
            # a single frame was out of order, as after a damaged stretch
            self._offset_s = self._earlier_s
            self.jumps -= 1
            return max(earlier_s, 0.1 * self._nominal_s)
        if 0 < step_s <= self._longest_s:
            self.gaps += step_s > _GAP * self._nominal_s
            self._interval_s = step_s
        elif stamp_s:
            self.jumps += 1
            self._earlier_s = self._offset_s
            self._offset_s = at + self._interval_s - stamp_s
        return step_s if 0 < step_s <= self._longest_s else self._interval_s


class VideoSource:
    """Every frame of a video file in media time; damaged stretches are left out."""

    def __init__(
        self,
        path: Path,
        *,
        on_bad: Callable[[CameraError], None] | None = None,
        prepare: Callable[[Image], Image] = unprepared,
    ) -> None:
        """Open a video file or a pipe; each frame passes through `prepare` first.

        Raises:
            InputError: no such file.
            CameraError: it is not a video.
        """
        if not (path.is_file() or path.is_fifo()):
            raise InputError(f"{path}: no such file")
        self._path, self._on_bad, self._prepare = path, on_bad, prepare
        self._capture = _opened(path)
        check_pixels(str(path), frame_pixels(self._capture))
        rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate_hz = rate_hz if 0 < rate_hz <= _FASTEST_HZ else _FALLBACK_HZ
        self._has_rate = rate_hz == self.rate_hz
        self._read = 0
        self._damaged = 0

    @property
    def expected_frames(self) -> int:
        """Number of frames by the file's header, 0 if it has no credible one."""
        return max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))) if self._has_rate else 0

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
        """Yield every image; failed reads before an image count as damaged frames, those after the last as the end."""
        failed = 0
        while failed <= max(_FAILED_READS, min(self.expected_frames - self._read, _MOST_FRAMES)):
            ok, image = self._capture.read()
            if not ok:
                failed += 1
                continue
            self._damaged += failed
            failed = 0
            self._read += 1
            yield image  # type: ignore[misc]

    def _loss(self, clock: MediaClock) -> str:
        """Return what is missing from a video; containers round their counts, so a tenth may be."""
        read = self._read
        expected = self.expected_frames
        if not read:
            codec = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("latin-1")
            if codec.lower() in _ALWAYS_DECODED:
                return "is damaged: no frame can be decoded"
            return f"OpenCV {cv2.__version__} cannot decode its codec ({codec}); fix: convert it to H.264"
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
        CameraError: it cannot be read, or is not a video.
    """
    try:
        with name_for_opencv(path) as name:
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, _NO_TIMEOUTS)
        if capture.isOpened():
            return capture
        is_cut_off = path.is_file() and lacks_index(path)
    except OSError as error:
        raise CameraError(f"{path}: cannot be read: {error.strerror}") from error
    if is_cut_off:
        raise CameraError(f"{path}: has no index (moov): its recording was interrupted; fix: repair it with untrunc")
    raise CameraError(f"{path}: is not a video that OpenCV can read")


@contextmanager
def name_for_opencv(path: Path) -> Iterator[str]:
    """Yield a name that OpenCV accepts: absolute, since FFmpeg reads "a:b" as a protocol, and in UTF-8.

    Other bytes in a name (surrogateescape in Python) crash OpenCV; such a file is opened through its descriptor.
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
