"""Measure where the time of a run goes, by stage, decoding included."""

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
from edge.stages import acceleration_of, build_stages, load_models

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.table import Table

    from edge.capture import Source
    from edge.data import Gap
    from edge.pipeline import Stages
    from edge.settings.schema import Settings

_DEMO_STEP_S = 1 / 12


def measure(settings: Settings, video: Path | None, frames: int) -> tuple[Table, str]:
    """Return the timings, as a table and as JSON, of at most `frames` frames of a video or of the demo."""
    models = load_models(settings, profile="live", acceleration=acceleration_of(settings))
    timings = Timings()
    vitals = Vitals()
    elapsed_s = _run(video, build_stages(settings, models, timings, every_frame=False), frames, timings, vitals)
    figures = {
        "frames": vitals.frames,
        "elapsed_s": round(elapsed_s, 3),
        "fps_hz": round(vitals.frames / elapsed_s, 2),
        "profile": models.specs["face"].name,
        "ms_a_frame": {stage: round(1e3 * s / max(vitals.frames, 1), 3) for stage, s in timings.spent_s.items()},
        "machine": platform.machine(),
        "python": platform.python_version(),
        "runtime": models.runtime["name"],
        "delegate": models.runtime["delegate"],
    }
    return timings.table(frames=vitals.frames, elapsed_s=elapsed_s), json.dumps(figures, indent=1) + "\n"


def _run(video: Path | None, stages: Stages, frames: int, timings: Timings, vitals: Vitals) -> float:
    """Run the pipeline until `frames` frames are through or the source ends; return the time in seconds."""
    source: Source = VideoSource(video) if video else _Demo()
    stop = threading.Event()

    def beat() -> None:
        if vitals.frames >= frames:
            stop.set()

    started_at = time.monotonic()
    pipeline.run(_TimedSource(source, timings), stages, [vitals], stop=stop, beat=beat)
    elapsed_s = time.monotonic() - started_at
    source.close()
    return elapsed_s


class _TimedSource:
    """A source whose reading is timed as the stage `read`."""

    def __init__(self, source: Source, timings: Timings) -> None:
        self._source = source
        self._timings = timings

    def __iter__(self) -> Iterator[Frame | Gap]:
        iterator = iter(self._source)
        read = self._timings.timed("read", lambda: next(iterator, None))
        while (frame := read()) is not None:
            yield frame

    def close(self) -> None:
        self._source.close()


class _Demo:
    """The built-in demo, as fast as it can be drawn."""

    def __iter__(self) -> Iterator[Frame | Gap]:
        camera = DemoCamera()
        for seq in range(1_000_000):
            at = seq * _DEMO_STEP_S
            yield Frame(camera.scene(at % 36.0), seq, at=at, read_at=time.monotonic())

    def close(self) -> None:
        """Do nothing: nothing is open."""
