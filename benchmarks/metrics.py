"""Count what metrics and drift cost: instructions per frame of the walk, with and without them, by valgrind.

    python -m benchmarks.metrics

The frames are the demo's, drawn before; nine timed sinks stand for those of a service. One scrape is included for every
80 frames, about seven seconds of a camera with 12 frames per second. Without drift, the colours of a crop are not
measured either.
"""

from __future__ import annotations

from benchmarks.instructions import by_valgrind

FEW, MORE = 12, 92
PROGRAM = """
import sys
from pathlib import Path
from prometheus_client import disable_created_metrics, generate_latest
from edge import paths
from edge.capture.demo import DemoCamera
from edge.data import Frame
from edge.monitor.drift.monitor import DriftMonitor
from edge.monitor.drift.reference import read_reference
from edge.monitor.figures import StateMetrics
from edge.monitor.metrics import SceneMetrics
from edge.monitor.timings import Timings, Vitals
from edge.pipeline import walk
from edge.settings.load import load
from edge.stages import build_stages, load_models

class Run:
    state, models = "online", {}
    def stats(self):
        outbox, broker = {"waiting": 0, "dropped": 0}, {"connections": 1, "ignored": 0}
        parts = {"outbox": outbox, "broker": broker, "commands": {"taken": 0, "refused": 0}}
        return {"camera": "ok", "dropped": 0, "damaged": 0, "reopened": 0, **parts}
    def problems(self):
        return dict.fromkeys(("camera", "lens", "settings", "notice", "plugin", "outbox", "broker"), "")

settings = load(system_file=Path("/nonexistent")).settings
timings, metrics = Timings(), SceneMetrics(people=True)
metrics.registry.register(StateMetrics(Run))
models = load_models(settings, profile="live")
classify = sys.modules["edge.classify.mask"]
stages = build_stages(settings, models, timings, every_frame=False)
mask, face = (models.specs[kind].sha256 for kind in ("mask", "face"))
drift = DriftMonitor(read_reference(paths.models() / "mask", mask), face, persist_s=3600, hour=lambda: 9)
drift.windows.reference = drift.windows.reference.model_copy(update={"chunk": 6})  # a comparison every two people
sinks = [timings.timed_sink(Vitals()) for _ in range(9)]
if sys.argv[2] == "on":
    timings.observe = metrics.observe
    sinks += [timings.timed_sink(metrics), timings.timed_sink(drift)]
else:
    def plain(crop):
        grey = classify.cv2.cvtColor(crop, classify.cv2.COLOR_BGR2GRAY)
        return classify.cv2.mean(grey)[0], classify.contrast(grey), 0.0, 0.0
    classify.appearance_of = plain
drawn = [DemoCamera(sleep=lambda _: None).scene(10 + k / 12) for k in range(12)]
for k in range(int(sys.argv[1])):
    scene = walk(Frame(drawn[k % 12], k, at=k / 12, read_at=k / 12), stages)
    for sink in sinks:
        sink.put(scene)
    if sys.argv[2] == "on" and k % 80 == 20:
        generate_latest(metrics.registry)
"""


def per_frame_m(metrics: str) -> float:
    """Return the millions of instructions per frame, `metrics` on or off."""
    few, more = (by_valgrind(["-c", PROGRAM, str(frames), metrics]) for frames in (FEW, MORE))
    return (more - few) / (MORE - FEW) / 1e6


def main() -> None:
    """Print the cost."""
    off, on = per_frame_m("off"), per_frame_m("on")
    print(f"off {off:.2f} M, on {on:.2f} M x86_64 instructions per frame: {on / off - 1:+.2%}")


if __name__ == "__main__":
    main()
