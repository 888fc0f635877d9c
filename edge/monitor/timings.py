"""Timings: time per stage, frame rate and latency."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Scene
    from edge.pipeline import Sink

_P = ParamSpec("_P")
_R = TypeVar("_R")
_WINDOW = 50
"""Frames over which rate and latency are averaged."""


class Timings:
    """Time spent in each stage, s."""

    def __init__(self) -> None:
        """Start without a stage."""
        self.spent_s: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self.observe: Callable[[str, float], None] | None = None
        """Takes the name of a stage and the time of each call of it."""

    def timed(self, stage: str, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return `function` with its time added to `stage`."""
        self.spent_s.setdefault(stage, 0.0)
        self.calls.setdefault(stage, 0)

        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            started_at = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took_s = time.perf_counter() - started_at
                self.spent_s[stage] += took_s
                self.calls[stage] += 1
                if self.observe:
                    self.observe(stage, took_s)

        return call

    def timed_sink(self, sink: Sink) -> Sink:
        """Return a sink with its time added to the stage `sinks`."""
        return _TimedSink(self.timed("sinks", sink.put))

    def table(self, *, frames: int, elapsed_s: float) -> Table:
        """Return the time per stage: ms per frame and share."""
        rate = frames / elapsed_s if elapsed_s else 0.0
        table = Table(title=f"{frames} frames in {elapsed_s:.1f} s: {rate:.1f} fps")
        for heading in ("stage", "ms/frame", "share", "calls"):
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
    """Sink that measures frame rate and latency over the last frames."""

    def __init__(self) -> None:
        """Start without frames."""
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
        """Frames per second over the last frames."""
        if len(self._decided_at) < 2:
            return 0.0
        return (len(self._decided_at) - 1) / max(self._decided_at[-1] - self._decided_at[0], 1e-6)

    @property
    def latency_ms(self) -> float:
        """Mean time from reading a frame to its decision."""
        return 1e3 * sum(tuple(self._latency_s)) / max(len(self._latency_s), 1)
