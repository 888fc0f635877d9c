"""Measure what the shadow costs: time from a frame to its notice without it, in the loop, and in a process of its own.

    python -m benchmarks.shadow [--blocks 12]

The frames are the demo's, 12 per second, the profile `live`; the challenger is a face model, `balanced`, which is the
heaviest kind of job. The three ways take turns, a few seconds each, so that all have the same machine. Printed are the
percentiles of the time from the moment at which a frame is due to its notice, and the processor time of the shadow.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge import paths
from edge.app.shadow_worker import FaceAnswers, answer
from edge.capture.demo import DemoCamera
from edge.data import Frame
from edge.monitor.budget import Budget
from edge.monitor.comparison import Comparison
from edge.monitor.shadow import Shadow
from edge.monitor.shadow_jobs import ShadowProcess
from edge.monitor.timings import Timings
from edge.pipeline import walk
from edge.settings.load import load
from edge.stages import build_stages, load_models

if TYPE_CHECKING:
    from edge.data import Image
    from edge.pipeline import Stages

RATE_HZ, FRAMES, SHARE = 12, 48, 0.05
_CREDIT_S = 60.0
"""How long the budgets have run before, so that the start of the process is paid."""
FOLDERS = (paths.models() / "face/live", paths.models() / "face/balanced")


class InTheLoop:
    """Runs the challenger at once, where the sink is called."""

    crashes, idle = 0, True

    def __init__(self) -> None:
        self._answers = FaceAnswers(*FOLDERS)
        self._answer: dict[str, Any] | None = None

    def ask(self, image: Image, job: dict[str, Any]) -> bool:
        """Do a job."""
        self._answer = {**answer(self._answers, image, job), "cpu_s": 0.0}  # the sink's own time has it already
        return True

    def answer(self) -> dict[str, Any] | None:
        """Return the answer to it, once."""
        given, self._answer = self._answer, None
        return given

    def close(self) -> None:
        """Hold nothing."""


def shadow(jobs: Any) -> Shadow:  # noqa: ANN401 - of either kind
    """Return a shadow of a face model with a budget that has been saved up."""
    budget = Budget(SHARE, time.monotonic() - _CREDIT_S)
    return Shadow(jobs, budget, Comparison("face"), models=({}, {}))


def block(stages: Stages, images: list[Image], sink: Shadow | None, started_at: float) -> list[float]:
    """Walk frames that are due at a steady rate; return the time from each moment to the notice, s."""
    took_s = []
    begin = time.monotonic()
    for number in range(FRAMES):
        due = begin + number / RATE_HZ
        time.sleep(max(due - time.monotonic(), 0))
        scene = walk(Frame(images[number % len(images)], number, at=due - started_at, read_at=due), stages)
        took_s.append(time.monotonic() - due)
        if sink:
            sink.put(scene)
    return took_s


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=12)
    blocks = parser.parse_args().blocks
    settings = load(system_file=Path("/nonexistent")).settings
    stages = build_stages(settings, load_models(settings, profile="live"), Timings(), every_frame=False)
    images = [DemoCamera(sleep=lambda _: None).scene(10 + k / RATE_HZ) for k in range(24)]
    process = ShadowProcess(["-m", "edge.app.shadow_worker", "face", *map(str, FOLDERS)])
    ways = {"without": None, "in the loop": shadow(InTheLoop()), "in a process": shadow(process)}
    took_s: dict[str, list[float]] = {name: [] for name in ways}
    started_at = time.monotonic()
    for _ in range(blocks):
        for name, sink in ways.items():
            took_s[name] += block(stages, images, sink, started_at)
    process.close()
    _print(ways, took_s)


def _print(ways: dict[str, Shadow | None], took_s: dict[str, list[float]]) -> None:
    for name, sink in ways.items():
        p50, p95, p99 = 1e3 * np.quantile(took_s[name], (0.5, 0.95, 0.99))
        cost = ""
        if sink:
            counts, seconds = sink.stats(), len(took_s[name]) / RATE_HZ
            cost = f"; {counts['cpu_s']:.2f} s of the processor in {seconds:.0f} s, {counts['compared']} faces"
        print(f"{name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms of {len(took_s[name])} frames{cost}")


if __name__ == "__main__":
    main()
