"""Runs of one video, as fast as possible: with every frame selected, by the motion gate, and by gate and governor."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge import pipeline
from edge.capture.demo import DemoCamera
from edge.capture.video import VideoSource
from edge.data import Frame
from edge.detect.gate import MotionGate
from edge.monitor.governor import Governor
from edge.monitor.timings import Timings
from edge.pipeline import always
from edge.stages import build_stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edge.capture import Source
    from edge.data import Gap, Scene
    from edge.settings.schema import Settings
    from edge.stages import Models

_DEMO_STEP_S = 1 / 12
_PLAY_S = 36.0


@dataclass(slots=True)
class Run:
    """What was measured in one run.

    selected: frames in which faces were detected.  stages: by name, the seconds of each call.
    """

    frames: int = 0
    selected: int = 0
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    stages: dict[str, list[float]] = field(default_factory=dict)

    def put(self, scene: Scene) -> None:
        """Count a scene; a sink of the run."""
        if scene.frame is not None:
            self.frames += 1
            self.selected += not scene.skipped

    def observe(self, stage: str, took_s: float) -> None:
        """Keep the time of one call of a stage."""
        self.stages.setdefault(stage, []).append(took_s)


def measured(settings: Settings, models: Models, video: Path | None, frames: int) -> dict[str, Run]:
    """Return a run of at most `frames` frames of a video, or of the demo, for each way to select frames, by name.

    The governor decides by the times in the video and by the time that a frame takes here, as it does for a camera.
    """
    governor = Governor()
    governor.adopt(settings.detector)
    gates = [MotionGate(forced_s=settings.detector.rest_s) for _ in range(2)]
    selections: dict[str, Callable[[Frame, Scene], bool]] = {
        "every_frame": always,
        "gate": gates[0].opens,
        "gate_and_governor": lambda frame, last: governor.due(frame.at) and gates[1].opens(frame, last),
    }
    found = {}
    for name, selects in selections.items():
        sinks = (governor,) if name == "gate_and_governor" else ()
        found[name] = _run(settings, models, VideoSource(video) if video else _Demo(), frames, selects, sinks)
    return found


def _run(
    settings: Settings,
    models: Models,
    source: Source,
    frames: int,
    selects: Callable[[Frame, Scene], bool],
    sinks: tuple[pipeline.Sink, ...],
) -> Run:
    """Run the pipeline until `frames` frames are through or the source ends."""
    run, stop, timings = Run(), threading.Event(), Timings()
    timings.observe = run.observe
    stages = build_stages(settings, models, timings, every_frame=False)
    if selects is not always:
        stages = replace(stages, selects=timings.timed("select", selects))

    def beat() -> None:
        if run.frames >= frames:
            stop.set()

    began_s, began_cpu_s = time.monotonic(), time.process_time()
    pipeline.run(_TimedSource(source, timings), stages, [run, *sinks], stop=stop, beat=beat)
    run.elapsed_s, run.cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    source.close()
    return run


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
            yield Frame(camera.scene(at % _PLAY_S), seq, at=at, read_at=time.monotonic())

    def close(self) -> None:
        """Do nothing: nothing is open."""
