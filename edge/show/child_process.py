"""Keep a maskwatch command running as a child process, so that a display that crashes does not end the service."""

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
"""When memory runs out, the kernel kills this process before the service. Source: proc_pid_oom_score_adj(5)."""
QUIT, CLOSED = 0, 10
"""Exit codes of a child that the user ended: with `q`, or by closing its window, which does not end the service."""


class ChildProcess:
    """Sink that keeps `maskwatch ARGUMENTS` running: when it dies, it is restarted after a pause that doubles."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        on_quit: Callable[[], None] = lambda: None,
        report: Callable[[str], None] = lambda _problem: None,
    ) -> None:
        """Start the process, which the log calls `name`.

        on_quit: called when the user ended it with `q` (exit code QUIT). After QUIT and CLOSED it is not restarted.
        report: called with the reason why it is not running, and with "" when it is running again.
        """
        self._name = name
        self._command = programs.python("-m", "edge", *arguments)
        self._on_quit = on_quit
        self._report = report
        self._pause_s = _FIRST_RESTART_S
        self._start_at = 0.0
        self._started_at = 0.0
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = self._start()

    def put(self, scene: Scene) -> None:  # noqa: ARG002 - only the passing of time matters
        """Check the process, and restart it when it is due."""
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
            log.info("the %s was closed and stays closed; the service continues", self._name)
        elif code is not None:
            self._process = None
            self._schedule_restart(f"ended ({code})")
        elif time.monotonic() - self._started_at > _FIRST_RESTART_S:
            self._report("")

    def _start(self) -> subprocess.Popen[bytes] | None:
        self._started_at = time.monotonic()
        try:
            process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own program
        except OSError as error:  # out of descriptors, memory or processes
            self._schedule_restart(f"cannot be started: {error.strerror}")
            return None
        with suppress(OSError):  # it has ended already
            Path(f"/proc/{process.pid}/oom_score_adj").write_text(str(_OOM_SCORE))
        return process

    def _schedule_restart(self, reason: str) -> None:
        """Log and report why it is not running, and restart it after a pause that doubles each time."""
        log.warning("the %s %s; the service continues, next try in %.0f s", self._name, reason, self._pause_s)
        self._report(reason)
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
