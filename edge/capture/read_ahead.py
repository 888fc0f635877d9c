"""Files read ahead on their own thread, so that a hanging mount or an empty pipe does not block the main loop."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

from edge.capture import CameraState, set_state
from edge.capture.blocking_call import BlockingCalls
from edge.data import Frame, Gap
from edge.errors import EdgeError, ThreadStuck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.capture import Source

log = logging.getLogger(__name__)

_FRAMES = 2
"""Frames read ahead: at an even pace one would do, and one of a large video takes 25 MB."""
_OPENING_S = 1.0
"""How long to wait for a file to open, so that a missing or broken one is reported at once."""
_TICK_S = 0.5
"""Longest wait for a frame; then the main loop continues without one, to notify the watchdog, stop and report."""
_INTERVALS = 3
"""Duration of a read, in multiples of the reads before it, after which slow files count as silent."""
_JOIN_S = 1.0


class ReadAhead:
    """Source of files that drops no frame and keeps their order; yields a Gap while it waits for a file.

    Media time does not advance meanwhile, so the results do not depend on how fast a file can be read.
    """

    def __init__(
        self,
        name: str,
        open_files: Callable[[], Source],
        *,
        stop: threading.Event,
        open_timeout_s: float,
        patience_s: float,
        stuck_s: float,
        pace: bool,
    ) -> None:
        """Start to read what `open_files` opens, until its end or until `stop` is set; `pace`: at its own speed.

        Raises:
            InputError, CameraError: raised by `open_files` within a second; iteration raises later ones.
        """
        self.name = name
        self.state = CameraState.OPENING
        self.detail = ""
        self._open_files, self._stop, self._pace = open_files, stop, pace
        self._open_timeout_s, self._patience_s, self._stuck_s = open_timeout_s, patience_s, stuck_s
        self._calls = BlockingCalls()
        self._queue = Queue[Frame | Gap | None](_FRAMES)
        self._took_s = (0.0, 0.0)
        self._error: OSError | EdgeError | None = None
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"read {name}", daemon=True)
        self._thread.start()
        self._opened.wait(_OPENING_S)
        self._raise_error()

    @property
    def counts(self) -> dict[str, int]:
        """Empty: no frame is lost."""
        return {}

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield every frame, and a Gap whenever none arrived within half a second.

        Raises:
            InputError, CameraError: the files cannot be opened or read.
            ThreadStuck: a call into the files has not returned for `stuck_s`, or their thread has ended.
        """
        at = 0.0
        while not self._stop.is_set() and (moment := self._take(at)) is not None:
            self._update_state(time.monotonic(), arrived=isinstance(moment, Frame))
            at = moment.at
            yield moment
        self._raise_error()

    def close(self) -> None:
        """Stop the thread; the files are closed by it."""
        self._stop.set()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            log.warning("%s: does not respond; abandoned until the process ends", self.name)

    def _take(self, at: float) -> Frame | Gap | None:
        """Return the next frame or gap, read from the pipeline's point of view when it is taken; None at the end."""
        alive = self._thread.is_alive()  # checked first, since the thread puts the end mark as its last action
        try:
            moment = self._queue.get(timeout=_TICK_S)
        except Empty:
            if not alive:
                raise ThreadStuck(f"the thread {self._thread.name} has ended") from None
            return Gap(at)
        return replace(moment, read_at=time.monotonic()) if isinstance(moment, Frame) else moment

    def _update_state(self, now: float, *, arrived: bool) -> None:
        blocked_s = self._calls.blocked_s(now)
        if blocked_s > self._stuck_s:
            raise ThreadStuck(f"{self.name}: a call into the file has not returned for {self._stuck_s:.0f} s")
        patience_s = self._patience_s if self._opened.is_set() else self._open_timeout_s
        if blocked_s > max(patience_s, _INTERVALS * min(self._took_s)):
            set_state(self, CameraState.SILENT, f"no frame for {blocked_s:.1f} s")
        elif arrived:
            set_state(self, CameraState.OK)

    def _read(self) -> None:
        """Open and read to the end; errors are raised in the main loop."""
        try:
            source = self._calls.timed(self._open_files)
            self._opened.set()
            self._fill(source)
        except (EdgeError, OSError) as error:
            self._error = error
        finally:
            self._opened.set()
        self._put(None)

    def _fill(self, source: Source) -> None:
        began_at = time.monotonic()
        frames = iter(source)
        try:
            while not self._stop.is_set() and (frame := self._next(frames)) is not None:
                if self._pace:
                    self._stop.wait(max(0.0, began_at + frame.at - time.monotonic()))
                self._put(frame)
        finally:
            self._calls.timed(source.close)

    def _next(self, frames: Iterator[Frame | Gap]) -> Frame | Gap | None:
        began_at = time.monotonic()
        frame = self._calls.timed(lambda: next(frames, None))
        # of two reads, so that one stall does not make a file slow
        self._took_s = (self._took_s[1], time.monotonic() - began_at)
        return frame

    def _put(self, moment: Frame | Gap | None) -> None:
        """Wait for a free place until `stop` is set."""
        while not self._stop.is_set():
            try:
                return self._queue.put(moment, timeout=_TICK_S)
            except Full:
                continue
        return None

    def _raise_error(self) -> None:
        if self._error:
            raise self._error
