"""Live cameras: read on a thread of their own, opened again whenever they vanish, end or fall silent."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from edge.capture import CameraState
from edge.capture.blocking_call import BlockingCalls
from edge.capture.freeze import FreezeDetector
from edge.capture.latest_frame import Slot
from edge.data import Frame, Gap
from edge.errors import CameraError, CameraLost, ThreadStuck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.capture import Camera, CameraImage

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 0.5
_TICK_S = 0.5
"""Longest wait for a frame before the walk goes on without one, so that it can beat, stop and close episodes."""
_INTERVALS = 3
"""Picture intervals without a picture after which a slow camera counts as lost."""
_JOIN_S = 2.0


class LiveSource:
    """Source on a camera that may come and go; yields a Gap while there is no picture."""

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
    ) -> None:
        """Watch the camera that `open_camera` opens until `stop` is set; nothing is opened yet."""
        self._name, self._open_camera, self._stop = name, open_camera, stop
        self._patience_s, self._stuck_s, self._retry_max_s = patience_s, stuck_s, retry_max_s
        self._frozen_s = frozen_s
        self._slot = Slot()
        self._thread = threading.Thread(target=self._capture, name=f"capture {name}", daemon=True)
        self._calls = BlockingCalls()
        self._seq = 0
        self._progress = FreezeDetector()
        self.damaged = 0
        self.reopened = 0
        self.state = CameraState.OPENING
        self.detail = ""

    @property
    def dropped(self) -> int:
        """Frames that were replaced by newer ones before the walk came for them."""
        return self._slot.dropped

    @property
    def counts(self) -> dict[str, int]:
        """Frames dropped and damaged, and how often the camera was opened again."""
        return {"dropped": self.dropped, "damaged": self.damaged, "reopened": self.reopened}

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield the newest frame, or a Gap when none came within half a second.

        Raises:
            ThreadStuck: a call into the camera has not returned for `stuck_s`.
        """
        self._thread.start()
        heard_at, interval_s = time.monotonic(), 0.0
        while not self._stop.is_set():
            frame = self._slot.take(_TICK_S)
            now = time.monotonic()
            if frame is not None:
                interval_s, heard_at = now - heard_at, now
            elif self.state is CameraState.OK and now - heard_at > max(self._patience_s, _INTERVALS * interval_s):
                self._set_state(CameraState.SILENT, f"no picture for {now - heard_at:.1f} s")
            self._check_stuck(now)
            yield Gap(now) if frame is None else frame

    def close(self) -> None:
        """Stop the capture thread; the camera is released by it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                log.warning("%s: the camera does not answer; left to the end of the process", self._name)

    def _check_stuck(self, now: float) -> None:
        if self._calls.blocked_s(now) > self._stuck_s:
            raise ThreadStuck(f"{self._name}: a call into the camera has not returned for {self._stuck_s:.0f} s")

    def _capture(self) -> None:
        """Open, read until lost, pause, again; the pause doubles up to its bound and starts anew after a picture."""
        pause_s = _FIRST_RETRY_S
        while not self._stop.is_set():
            seen = self._seq
            try:
                self._session()
            except CameraError as error:
                if self.state is not CameraState.FROZEN:
                    self._set_state(CameraState.OFFLINE, str(error))
            except Exception:  # the edge of the capture thread: a driver may raise anything, and must not end the watch
                log.exception("%s: unexpected failure of the camera", self._name)
                self._set_state(CameraState.OFFLINE, "failed unexpectedly")
            pause_s = _FIRST_RETRY_S if self._seq > seen else min(2 * pause_s, self._retry_max_s)
            self._stop.wait(pause_s)

    def _session(self) -> None:
        """Read one opened camera until it is lost."""
        camera = self._calls.timed(self._open_camera)
        self.reopened += self._seq > 0
        patient_until = time.monotonic() + self._patience_s
        if self.state is not CameraState.FROZEN:  # the first image counts as progress even if it is unchanged
            self._progress = FreezeDetector()
        try:
            while not self._stop.is_set():
                self._hand_over(self._calls.timed(camera.read))
                frozen = self.state is CameraState.FROZEN and time.monotonic() > patient_until
                if frozen or self.state is CameraState.SILENT:
                    raise CameraLost(f"{self._name}: {self.detail}")
        finally:
            self._calls.timed(camera.close)

    def _hand_over(self, picture: CameraImage | None) -> None:
        if picture is None:
            self.damaged += 1
            return
        now = time.monotonic()
        if self._progress.moved(picture.image, now):
            self._set_state(CameraState.OK)
        elif self._progress.still_s(now) >= self._frozen_s:
            self._set_state(CameraState.FROZEN, f"the very same picture for {self._frozen_s:.0f} s")
        self._slot.put(Frame(picture.image, self._seq, at=now, read_at=now, small=picture.small))
        self._seq += 1

    def _set_state(self, state: CameraState, detail: str = "") -> None:
        if state is not self.state:
            self.state, self.detail = state, detail
            level = logging.INFO if state is CameraState.OK else logging.WARNING
            log.log(level, "camera %s: %s%s", self._name, state.value, f": {detail}" if detail else "")
