"""Where the time of a walk goes, stage by stage, decoding included."""

from __future__ import annotations

import json
import platform
import threading
import time
from typing import TYPE_CHECKING

from edge import pipeline
from edge.capture.demo import DemoCamera
from edge.capture.video import VideoSource
from edge.data import Frame
from edge.monitor.timings import Timings, Vitals
from edge.stages import build_stages, load_models
from edge.tflite import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.table import Table

    from edge.capture import Source
    from edge.data import Gap
    from edge.settings.schema import Settings

_DEMO_STEP_S = 1 / 12


def measure(settings: Settings, video: Path | None, frames: int) -> tuple[Table, str]:
    """Return the table of timings, and the same as JSON, for at most `frames` frames of a video or of the demo."""
    models = load_models(settings, profile="live")
    timings, vitals = Timings(), Vitals()
    source: Source = VideoSource(video) if video else _Demo()
    stages = build_stages(settings, models, timings, every_frame=False)
    stop = threading.Event()
    started_at = time.monotonic()

    def beat() -> None:
        if vitals.frames >= frames:
            stop.set()

    pipeline.run(_timed(source, timings), stages, [vitals], stop=stop, beat=beat)
    elapsed_s = time.monotonic() - started_at
    source.close()
    figures = {
        "frames": vitals.frames,
        "elapsed_s": round(elapsed_s, 3),
        "fps_hz": round(vitals.frames / elapsed_s, 2),
        "profile": models.specs["face"].name,
        "ms_a_frame": {stage: round(1e3 * s / max(vitals.frames, 1), 3) for stage, s in timings.spent_s.items()},
        "machine": platform.machine(),
        "python": platform.python_version(),
        "runtime": runtime(),
    }
    return timings.table(frames=vitals.frames, elapsed_s=elapsed_s), json.dumps(figures, indent=1) + "\n"


class _Timed:
    """A source whose reading is a stage of its own."""

    def __init__(self, source: Source, timings: Timings) -> None:
        self._source, self._timings = source, timings

    def __iter__(self) -> Iterator[Frame | Gap]:
        iterator = iter(self._source)
        read = self._timings.timed("read", lambda: next(iterator, _END))
        while not isinstance(frame := read(), _End):
            yield frame

    def close(self) -> None:
        self._source.close()


class _End:
    """What stands for the end of a source."""


_END = _End()
_timed = _Timed


class _Demo:
    """The demo's play as fast as it can be drawn."""

    def __iter__(self) -> Iterator[Frame | Gap]:
        camera = DemoCamera()
        for seq in range(1_000_000):
            at = seq * _DEMO_STEP_S
            yield Frame(camera.scene(at % 36.0), seq, at=at, read_at=time.monotonic())

    def close(self) -> None:
        """Hold nothing open."""
