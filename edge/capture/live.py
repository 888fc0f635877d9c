"""Live cameras: read on their own thread, and reopened when they disappear, end or deliver no frames."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from edge.capture import CameraState, set_state
from edge.capture.blocking_call import BlockingCalls
from edge.capture.freeze import FreezeDetector
from edge.capture.latest_frame import LatestFrame
from edge.capture.sampling import Sampling
from edge.data import Frame, Gap
from edge.errors import CameraError, CameraLost, ThreadStuck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.capture import Camera, CameraImage

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 0.5
_TICK_S = 0.5
"""Longest wait for a frame; then the main loop continues without one: for the watchdog, a stop, ending episodes."""
_INTERVALS = 3
"""Frame intervals without a frame after which a slow camera counts as lost."""
_JOIN_S = 2.0


class LiveSource:
    """Source on a camera that may disappear and return; yields a Gap while there are no frames."""

    def __init__(
        self,
        name: str,
        open_camera: Callable[[], Camera],
        *,
        stop: threading.Event,
        patience_s: float,
        frozen_s: float,
        stuck_s: float,
        retry_max_s: float,
        sampling: Sampling | None = None,
    ) -> None:
        """Read the camera that `open_camera` opens, until `stop` is set; nothing is opened yet.

        sampling: when frames are taken; None: always.
        """
        self.name = name
        self.state = CameraState.OPENING
        self.detail = ""
        self._open_camera, self._stop = open_camera, stop
        self._patience_s, self._frozen_s = patience_s, frozen_s
        self._stuck_s, self._retry_max_s = stuck_s, retry_max_s
        self._latest = LatestFrame()
        self._thread = threading.Thread(target=self._capture, name=f"capture {name}", daemon=True)
        self._calls = BlockingCalls()
        self._seq = 0
        self._freeze = FreezeDetector()
        self._sampling = sampling or Sampling(every_s=0.0, sample_s=0.0)
        self._rests = not self._sampling.is_continuous
        self.damaged = 0
        self.reopened = 0

    @property
    def dropped(self) -> int:
        """Frames that were replaced by newer ones before they were taken."""
        return self._latest.dropped

    @property
    def counts(self) -> dict[str, int]:
        """Frames dropped and damaged, and how often the camera was opened again."""
        return {"dropped": self.dropped, "damaged": self.damaged, "reopened": self.reopened}

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield the newest frame, or a Gap if none arrived within half a second.

        Raises:
            ThreadStuck: a call into the camera has not returned for `stuck_s`.
        """
        self._thread.start()
        newest_at = time.monotonic()
        interval_s = 0.0
        while not self._stop.is_set():
            frame = self._latest.take(_TICK_S)
            now = time.monotonic()
            if frame is not None:
                interval_s = now - newest_at
                newest_at = now
            elif self._rests:  # between two samples no frame is expected
                newest_at = now
            elif self.state is CameraState.OK and now - newest_at > max(self._patience_s, _INTERVALS * interval_s):
                set_state(self, CameraState.SILENT, f"no frame for {now - newest_at:.1f} s")
            self._check_stuck(now)
            yield Gap(now) if frame is None else frame

    def close(self) -> None:
        """Stop the capture thread; the camera is released by it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                log.warning("%s: the camera does not respond; abandoned until the process ends", self.name)

    def _check_stuck(self, now: float) -> None:
        if self._calls.blocked_s(now) > self._stuck_s:
            raise ThreadStuck(f"{self.name}: a call into the camera has not returned for {self._stuck_s:.0f} s")

    def _capture(self) -> None:
        """Open, read until lost, pause, repeat; the pause doubles up to its limit and is reset by a frame."""
        pause_s = _FIRST_RETRY_S
        while not self._stop.is_set():
            before = self._seq
            try:
                self._session()
            except CameraError as error:
                if self.state is not CameraState.FROZEN:
                    set_state(self, CameraState.OFFLINE, str(error))
            except Exception:  # the edge of the capture thread: a driver may raise anything; the service goes on
                log.exception("%s: unexpected error of the camera", self.name)
                set_state(self, CameraState.OFFLINE, "failed unexpectedly")
            pause_s = _FIRST_RETRY_S if self._seq > before else min(2 * pause_s, self._retry_max_s)
            self._stop.wait(self._sampling.pause_s(time.monotonic()) or pause_s)

    def _session(self) -> None:
        """Read one opened camera until it is lost, or until its sample has ended and it may be closed."""
        camera = self._calls.timed(self._open_camera)
        self._sampling.opened(time.monotonic())
        self.reopened += self._seq > 0 and not self._sampling.closes
        patient_until = time.monotonic() + self._patience_s
        if (
            self.state is not CameraState.FROZEN and not self._sampling.closes
        ):  # then the first image counts as a change, even if it repeats the last
            self._freeze = FreezeDetector()
        try:
            while not self._stop.is_set():
                image, was_resting = self._calls.timed(camera.read), self._rests
                now = time.monotonic()
                self._rests = not self._sampling.takes(now)
                if not self._rests:
                    self._hand_over(image)
                elif not was_resting and self._sampling.pause_s(now):
                    return
                frozen = self.state is CameraState.FROZEN and time.monotonic() > patient_until
                if frozen or self.state is CameraState.SILENT:
                    raise CameraLost(f"{self.name}: {self.detail}")
        finally:
            self._calls.timed(camera.close)

    def _hand_over(self, image: CameraImage | None) -> None:
        if image is None:
            self.damaged += 1
            return
        now = time.monotonic()
        if self._freeze.changed(image.image, now):
            set_state(self, CameraState.OK)
        elif self._freeze.unchanged_s(now) >= self._frozen_s:
            set_state(self, CameraState.FROZEN, f"identical frames for {self._frozen_s:.0f} s")
        self._latest.put(Frame(image.image, self._seq, at=now, read_at=now, small=image.small, capture_s=image.age_s))
        self._seq += 1
