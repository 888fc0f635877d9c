"""Files read ahead on a thread of its own: a mount that hangs or a pipe that runs dry does not stop the walk."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

from edge.capture import CameraState
from edge.capture.blocking_call import BlockingCalls
from edge.data import Frame, Gap
from edge.errors import EdgeError, ThreadStuck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.capture import Source

log = logging.getLogger(__name__)

_FRAMES = 2
"""Frames that wait for the walk: one would do at an even pace, and each of a large video is 25 MB."""
_OPENING_S = 1.0
"""How long to wait for a file to open before going on, so that one that is missing or broken is told at once."""
_TICK_S = 0.5
"""Longest wait for a frame before the walk goes on without one, so that it can beat, stop and tell."""
_INTERVALS = 3
"""Time of a read, in times of those before it, after which files that are slow to read count as silent."""
_JOIN_S = 1.0


class ReadAhead:
    """Source of files on a thread that drops nothing and keeps their order; yields a Gap while a file is waited for.

    Media time stands meanwhile, so what is told of a file does not depend on how it came.
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
        """Begin to read what `open_files` opens, until its end or until `stop` is set; `pace` keeps to its own speed.

        Raises:
            InputError, CameraError: what `open_files` raises, where it does so within a second; else the walk has it.
        """
        self._name, self._open_files, self._stop, self._pace = name, open_files, stop, pace
        self._open_timeout_s, self._patience_s, self._stuck_s = open_timeout_s, patience_s, stuck_s
        self._calls, self._queue = BlockingCalls(), Queue[Frame | Gap | None](_FRAMES)
        self._took_s = (0.0, 0.0)
        self._error: OSError | EdgeError | None = None
        self.state, self.detail = CameraState.OPENING, ""
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"read {name}", daemon=True)
        self._thread.start()
        self._opened.wait(_OPENING_S)
        self._raise_error()

    @property
    def counts(self) -> dict[str, int]:
        """Nothing: every frame is walked."""
        return {}

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield every frame, and a Gap whenever none came within half a second.

        Raises:
            InputError, CameraError: the files cannot be opened or read.
            ThreadStuck: a call into the files has not returned for `stuck_s`, or their thread has ended.
        """
        at = 0.0
        while not self._stop.is_set() and (moment := self._take(at)) is not None:
            self._judge(time.monotonic(), came=isinstance(moment, Frame))
            at = moment.at
            yield moment
        self._raise_error()

    def close(self) -> None:
        """Stop the thread; the files are closed by it."""
        self._stop.set()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            log.warning("%s: does not answer; left to the end of the process", self._name)

    def _take(self, at: float) -> Frame | Gap | None:
        """Return what is next, read as far as the walk is concerned when it gets it; None at the end."""
        alive = self._thread.is_alive()  # asked first, since putting the end is the last thing that the thread does
        try:
            moment = self._queue.get(timeout=_TICK_S)
        except Empty:
            if not alive:
                raise ThreadStuck(f"the thread {self._thread.name} has ended") from None
            return Gap(at)
        return replace(moment, read_at=time.monotonic()) if isinstance(moment, Frame) else moment

    def _judge(self, now: float, *, came: bool) -> None:
        blocked_s = self._calls.blocked_s(now)
        if blocked_s > self._stuck_s:
            raise ThreadStuck(f"{self._name}: a call into the file has not returned for {self._stuck_s:.0f} s")
        patience_s = self._patience_s if self._opened.is_set() else self._open_timeout_s
        if blocked_s > max(patience_s, _INTERVALS * min(self._took_s)):
            self._set_state(CameraState.SILENT, f"nothing has come for {blocked_s:.1f} s")
        elif came:
            self._set_state(CameraState.OK)

    def _read(self) -> None:
        """Open and read to the end; what goes wrong is for the walk to raise."""
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
        began_at, frames = time.monotonic(), iter(source)
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
        self._took_s = (self._took_s[1], time.monotonic() - began_at)  # of two, so that one stall is no slow file
        return frame

    def _put(self, moment: Frame | Gap | None) -> None:
        """Wait for room, as long as the walk goes on."""
        while not self._stop.is_set():
            try:
                return self._queue.put(moment, timeout=_TICK_S)
            except Full:
                continue
        return None

    def _raise_error(self) -> None:
        if self._error:
            raise self._error

    def _set_state(self, state: CameraState, detail: str = "") -> None:
        if state is not self.state:
            self.state, self.detail = state, detail
            level = logging.INFO if state is CameraState.OK else logging.WARNING
            log.log(level, "camera %s: %s%s", self._name, state.value, f": {detail}" if detail else "")
