"""How the process fares: timings by stage, frame rate, latency, and the beat that systemd waits for."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from rich.table import Table

from edge.errors import ThreadStuck

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from edge.data import Scene
    from edge.pipeline import Sink

_P = ParamSpec("_P")
_R = TypeVar("_R")
RELOADED = "reloaded"
_WINDOW = 50
"""Frames over which rate and latency are told."""


class Timings:
    """Time spent in each stage, s."""

    def __init__(self) -> None:
        """Start with no stage."""
        self.spent_s: dict[str, float] = {}
        self.calls: dict[str, int] = {}

    def timed(self, stage: str, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return `function` with its time added to `stage`."""
        self.spent_s.setdefault(stage, 0.0)
        self.calls.setdefault(stage, 0)

        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            started_at = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.spent_s[stage] += time.perf_counter() - started_at
                self.calls[stage] += 1

        return call

    def timed_sink(self, sink: Sink) -> Sink:
        """Return a sink with its time added to the stage `sinks`."""
        return _TimedSink(self.timed("sinks", sink.put))

    def table(self, *, frames: int, elapsed_s: float) -> Table:
        """Return where the time went: ms a frame and share by stage."""
        rate = frames / elapsed_s if elapsed_s else 0.0
        table = Table(title=f"{frames} frames in {elapsed_s:.1f} s: {rate:.1f} frames a second")
        for heading in ("stage", "ms a frame", "share", "calls"):
            table.add_column(heading, justify="left" if heading == "stage" else "right")
        rest_s = elapsed_s - sum(self.spent_s.values())
        for stage, spent_s in [*self.spent_s.items(), ("rest", rest_s)]:
            calls = str(self.calls.get(stage, ""))
            share = spent_s / elapsed_s if elapsed_s else 0.0
            table.add_row(stage, f"{1e3 * spent_s / max(frames, 1):.2f}", f"{share:.0%}", calls)
        return table


class _TimedSink:
    def __init__(self, put: Callable[[Scene], None]) -> None:
        self.put = put


class Vitals:
    """Sink that keeps frame rate and latency of the last frames."""

    def __init__(self) -> None:
        """Start at zero frames."""
        self.frames = 0
        self._decided_at: deque[float] = deque(maxlen=_WINDOW)
        self._latency_s: deque[float] = deque(maxlen=_WINDOW)

    def put(self, scene: Scene) -> None:
        """Count a scene."""
        if scene.frame is None:
            return
        self.frames += 1
        self._decided_at.append(scene.decided_at)
        self._latency_s.append(scene.decided_at - scene.frame.read_at)

    @property
    def fps_hz(self) -> float:
        """Frames a second over the last frames."""
        if len(self._decided_at) < 2:
            return 0.0
        return (len(self._decided_at) - 1) / max(self._decided_at[-1] - self._decided_at[0], 1e-6)

    @property
    def latency_ms(self) -> float:
        """Mean time from a frame's reading to its decision."""
        return 1e3 * sum(self._latency_s) / max(len(self._latency_s), 1)


def check_alive(thread: threading.Thread, stop: threading.Event) -> None:
    """Raise ThreadStuck when a thread has ended though it was not told to: only a restart brings it back."""
    if not (thread.is_alive() or stop.is_set()):
        raise ThreadStuck(f"the thread {thread.name} has ended")


class ServiceManager:
    """Tells systemd how the service fares; does nothing where no systemd listens.

    Source: sd_notify(3): a datagram of KEY=VALUE lines to $NOTIFY_SOCKET, whose leading @ stands for a zero byte.
    """

    def __init__(self, environ: dict[str, str] | None = None) -> None:
        """Read where systemd listens and how often it wants a beat."""
        environ = dict(os.environ) if environ is None else environ
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._beat_s = int(environ.get("WATCHDOG_USEC", "0")) / 1e6 / 3
        self._next_beat_at = 0.0
        self._folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] if self._address else ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None

    def ready(self) -> None:
        """Say that the service does its work now."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that the settings are being read again. Source: sd_notify(3), RELOADING=1."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def reloaded(self) -> None:
        """Say that this is done; the file is what the unit's ExecReload waits for where systemd is older than 253."""
        self._send("READY=1")
        if self._folder:
            with contextlib.suppress(OSError):  # systemd then waits for TimeoutStartSec, and the service goes on
                Path(self._folder, RELOADED).touch()

    def stopping(self) -> None:
        """Say that the service is ending."""
        self._send("STOPPING=1")

    def beat(self, status: Callable[[], str]) -> None:
        """Beat the watchdog, with a line of status, a third of its time apart at the most often."""
        now = time.monotonic()
        if self._socket is None or now < self._next_beat_at:
            return
        self._next_beat_at = now + (self._beat_s or 5.0)
        self._send(f"WATCHDOG=1\nSTATUS={status()}")

    def _send(self, text: str) -> None:
        if self._socket is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            self._socket.sendto(text.encode(), address)
        except OSError:  # systemd itself restarts: the next beat finds it again
            return
