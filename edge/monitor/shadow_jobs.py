"""The process of a challenger as its service sees it: one job at a time through shared memory, never waited for."""

from __future__ import annotations

import json
import logging
import mmap
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.data import Image

log = logging.getLogger(__name__)

MOST_BYTES = 3 * 3840 * 2160
"""Of an image; the memory is there from the first one on that is as large."""
_PATIENCE_S = 60.0
"""Without an answer for so long, the process hangs; with the lowest priority, a busy core may give it 1.5 % of a core.
Source: kernel/sched/core.c, sched_prio_to_weight: 15 of 1024."""
_FIRST_RESTART_S, _LAST_RESTART_S = 10.0, 3600.0
_STOP_S = 0.5
_OOM_SCORE = 800
"""When memory runs out, the kernel kills this process first. Source: proc_pid_oom_score_adj(5)."""


class ShadowProcess:
    """Runs a command that answers jobs, and starts it again after a pause that doubles each time it ends or hangs.

    Its standard input gets a line of JSON for each job, its standard output a line for each answer; a first line states
    that it is ready. A job is given only when the last one is answered, so neither pipe ever fills.

    crashes: how often it ended or hung.
    """

    def __init__(self, arguments: Sequence[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start `python ARGUMENTS FD`, FD being the descriptor of the shared memory."""
        self._monotonic = monotonic
        self._descriptor = os.memfd_create("maskwatch shadow", os.MFD_CLOEXEC)
        os.ftruncate(self._descriptor, MOST_BYTES)
        self._memory = mmap.mmap(self._descriptor, MOST_BYTES)
        self._command = programs.python(*arguments, str(self._descriptor))
        self._pause_s, self._start_at = _FIRST_RESTART_S, 0.0
        self._asked_at: float | None = None
        self._read = b""
        self.crashes = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._process = self._start()

    @property
    def idle(self) -> bool:
        """Whether it waits for a job."""
        return self._process is not None and self._asked_at is None

    def ask(self, image: Image, job: dict[str, Any]) -> bool:
        """Give it a job on an image, uint8 (H, W, 3), and return at once; return False where that is not possible."""
        if not self.idle or image.nbytes > MOST_BYTES:
            return False
        np.frombuffer(self._memory, np.uint8, image.size)[:] = image.reshape(-1)
        line = json.dumps({**job, "shape": image.shape[:2]}, separators=(",", ":")).encode() + b"\n"
        with suppress(BrokenPipeError):  # it has just ended: `answer` finds out
            os.write(self._pipe("stdin"), line)
        self._asked_at = self._monotonic()
        return True

    def answer(self) -> dict[str, Any] | None:
        """Return the answer to the last job, once; None while there is none, and for the line that it is ready."""
        if self._process is None:
            self._restart_when_due()
            return None
        with suppress(BlockingIOError):
            self._read += os.read(self._pipe("stdout"), 65_536)
        line, end, rest = self._read.partition(b"\n")
        if end:
            self._read, self._asked_at = rest, None
            return self._parsed(line)
        self._check()
        return None

    def close(self) -> None:
        """End the process, and release the memory."""
        self._stop()
        self._memory.close()
        os.close(self._descriptor)

    def _pipe(self, name: str) -> int:
        return int(getattr(self._process, name).fileno())

    def _parsed(self, line: bytes) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:  # a native library may print
            return None
        return answer

    def _check(self) -> None:
        """Note that the process has ended, or that it hangs."""
        if self._process is None:
            return
        code = self._process.poll()
        if code is not None:
            self._failed(f"ended ({code})")
        elif self._asked_at is not None and self._monotonic() - self._asked_at > _PATIENCE_S:
            self._failed(f"gave no answer for {_PATIENCE_S:.0f} s")

    def _failed(self, how: str) -> None:
        self.crashes += 1
        self._stop()
        log.warning("shadow: the challenger %s; the service continues, next try in %.0f s", how, self._pause_s)
        self._start_at = self._monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LAST_RESTART_S)

    def _restart_when_due(self) -> None:
        if self._monotonic() >= self._start_at:
            self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes] | None:
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program
                self._command, stdin=pipe, stdout=pipe, bufsize=0, pass_fds=(self._descriptor,)
            )
        except OSError as error:  # out of descriptors, memory or processes
            self._failed(f"cannot be started: {error.strerror}")
            return None
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
        with suppress(OSError):  # it has ended already
            Path(f"/proc/{process.pid}/oom_score_adj").write_text(str(_OOM_SCORE))
        self._read, self._asked_at = b"", self._monotonic()  # it is ready with its first line
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # it holds nothing that a signal could save
        with suppress(subprocess.TimeoutExpired):  # the kernel is still writing its memory out
            process.wait(_STOP_S)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
