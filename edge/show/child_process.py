"""A command of ours kept running beside the watch, so that a display that dies takes nothing else along."""

from __future__ import annotations

import logging
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edge import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.data import Scene

log = logging.getLogger(__name__)

_FIRST_RESTART_S, _LAST_RESTART_S = 5.0, 120.0
_STOP_S = 2.0
_OOM_SCORE = 500
"""The kernel, short of memory, ends this process before the service. Source: proc_pid_oom_score_adj(5)."""
QUIT, CLOSED = 0, 10
"""Exit codes of a child that the user ended: by `q`; by the frame of its window, which ends nothing else."""


class ChildProcess:
    """Sink that keeps `maskwatch ARGUMENTS` running: started again, each time after a longer pause, if it dies."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        on_quit: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] = lambda _trouble: None,
    ) -> None:
        """Start it; `name` is what the log calls it.

        on_quit: called when somebody ended it by `q` (exit code QUIT). After this, and after CLOSED, it stays ended.
        tell: told why it does not run, and an empty text when it runs again.
        """
        self._name, self._command = name, programs.python("-m", "edge", *arguments)
        self._on_quit, self._tell = on_quit, tell
        self._pause_s = _FIRST_RESTART_S
        self._start_at = self._started_at = 0.0
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = self._start()

    def put(self, scene: Scene) -> None:  # noqa: ARG002 - only the passing of time matters
        """Look after the process."""
        if self._closed:
            return
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self._process = self._start()
            return
        code = self._process.poll()
        if code == QUIT:
            self._closed = True
            self._on_quit()
        elif code == CLOSED:
            self._closed = True
            log.info("the %s was closed and stays closed; the watch goes on", self._name)
        elif code is not None:
            self._process = None
            self._wait(f"ended ({code})")
        elif time.monotonic() - self._started_at > _FIRST_RESTART_S:
            self._tell("")

    def _start(self) -> subprocess.Popen[bytes] | None:
        self._started_at = time.monotonic()
        try:
            process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own program
        except OSError as error:  # no descriptor, no memory, no process is left
            self._wait(f"cannot be opened: {error.strerror}")
            return None
        with suppress(OSError):  # it has ended already
            Path(f"/proc/{process.pid}/oom_score_adj").write_text(str(_OOM_SCORE))
        return process

    def _wait(self, reason: str) -> None:
        """Say why it does not run, and when it is tried again, each time later."""
        log.warning("the %s %s; the watch goes on, next try in %.0f s", self._name, reason, self._pause_s)
        self._tell(reason)
        self._start_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LAST_RESTART_S)

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_S)
