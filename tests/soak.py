"""Soak: walk frames as fast as they go and see whether memory, descriptors, threads or latency grow.

    python -m tests.soak --frames 200000 --csv soak.csv --plot soak.png

The real stages, outbox (on disk), link and scene server against a real mosquitto; only the pictures are drawn before,
so that drawing is not the cost. Alerts come by the thousand, since the play's seconds pass as fast as its frames.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge import pipeline
from edge.capture.demo import PERIOD_S, DemoCamera
from edge.data import Frame, Phrase
from edge.monitor.lens import LensHealth
from edge.monitor.timings import Timings, Vitals
from edge.notice.phrases import Phrases
from edge.notice.policy import NoticePolicy, NoticeRules, NoticeTiming
from edge.notice.schedule import VolumeSchedule
from edge.publish.broker import broker_of
from edge.publish.message import Clock, Sender
from edge.publish.presence import Presence
from edge.publish.publisher import Publisher, PublisherConfig
from edge.settings.load import load
from edge.show.shared_scene import SceneServer
from edge.stages import build_stages, load_models
from tests.support.driver import NoProblems, on_cpu
from tests.support.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge.data import Image, Scene
    from edge.settings.schema import Settings
    from edge.stages import Models

_STEP_S = 0.25
"""Time of the play between two frames: 144 pictures make the whole of it."""
_SIZE_PX = (640, 360)
_KEPT_ALERTS = 100
"""Alerts in the outbox: reached within the warm-up, so that a growth after it is a leak and not the ten minutes that
acknowledged alerts are kept."""
_BLOCKS = 40
_T_95 = 2.02
"""Student's t, 97.5 %, for 38 degrees of freedom."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds after so many frames."""

    frame: int
    elapsed_s: float
    rss_bytes: int
    descriptors: int
    threads: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Trend:
    """How memory goes: bytes per frame, and half the width of the 95 % interval."""

    slope: float
    margin: float

    @property
    def bound(self) -> float:
        """The upper end of the interval, bytes per frame."""
        return self.slope + self.margin


class Play:
    """Source that repeats pictures of the demo's play, drawn before it begins."""

    def __init__(self, frames: int) -> None:
        camera = DemoCamera()
        moments = np.arange(0, PERIOD_S, _STEP_S)
        self._pictures: list[Image] = [cv2.resize(camera.scene(float(at)), _SIZE_PX) for at in moments]  # type: ignore[misc]
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        """Yield the play again and again, its clock going on."""
        for seq in range(self._frames):
            image = self._pictures[seq % len(self._pictures)]
            yield Frame(image, seq, at=seq * _STEP_S, read_at=time.monotonic())

    def close(self) -> None:
        """Hold nothing open."""


class Gauge:
    """Sink that takes a sample every so many frames, and writes it at once where a CSV is wanted.

    The samples lie in an array made before the first: as Python objects they would grow by half a byte per frame
    themselves, as a first soak did.
    """

    def __init__(self, every: int, frames: int, path: Path | None) -> None:
        self.alerts = 0
        self._rows = np.full((frames // every + 1, len(fields(Sample))), -1.0)
        self._taken = 0
        self._path = path
        self._every, self._began_at, self._latency_s = every, time.monotonic(), 0.0
        if path:
            write_row(path, [field.name for field in fields(Sample)], mode="w")

    @property
    def samples(self) -> list[Sample]:
        """What was sampled so far."""
        return [sample_of(row) for row in self._rows[: self._taken].tolist()]

    def put(self, scene: Scene) -> None:
        """Add a frame's latency, and sample when it is time."""
        self.alerts += len(scene.alerts)
        if scene.frame is None:
            return
        self._latency_s += scene.decided_at - scene.frame.read_at
        if (scene.frame.seq + 1) % self._every == 0:
            self._take(scene.frame.seq + 1)

    def _take(self, frame: int) -> None:
        elapsed_s, latency_ms = time.monotonic() - self._began_at, 1e3 * self._latency_s / self._every
        row = (frame, round(elapsed_s, 1), rss_bytes(), descriptors(), threads(), round(latency_ms, 2))
        self._rows[self._taken] = row
        self._taken, self._latency_s = self._taken + 1, 0.0
        if self._path:
            write_row(self._path, row)


def sample_of(row: Sequence[float]) -> Sample:
    """Return a sample from its numbers."""
    frame, elapsed_s, rss, open_files, running, latency_ms = row
    return Sample(int(frame), elapsed_s, int(rss), int(open_files), int(running), latency_ms)


def rss_bytes() -> int:
    """Return the resident memory of this process. Source: proc(5), statm."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES


def descriptors() -> int:
    """Return how many descriptors are open, the one that counts them not counted."""
    return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - pathlib would hold one more


def threads() -> int:
    """Return how many threads run, those of C++ libraries too."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208


def trend(samples: Sequence[Sample]) -> Trend:
    """Return the slope of memory by least squares over the means of 40 blocks.

    Means of blocks, since neighbouring samples are alike and would make the interval narrower than it is.
    """
    blocks = [block for block in np.array_split(np.arange(len(samples)), _BLOCKS) if len(block)]
    x = np.array([np.mean([samples[k].frame for k in block]) for block in blocks])
    y = np.array([np.mean([samples[k].rss_bytes for k in block]) for block in blocks])
    away = x - x.mean()
    slope = float((away * y).sum() / (away**2).sum())
    rest = y - y.mean() - slope * away
    spread = float(np.sqrt((rest**2).sum() / max(len(x) - 2, 1) / (away**2).sum()))
    return Trend(slope, _T_95 * spread)


def settled(samples: Sequence[Sample], frames: int) -> list[Sample]:
    """Return the samples after the warm-up, the first fifth."""
    return [sample for sample in samples if sample.frame > frames // 5]


def settings_for(folder: Path, port: int) -> Settings:
    """Return the defaults with a broker at `port` and everything that is written below `folder`."""
    changes = [f"mqtt.port={port}", "mqtt.host=127.0.0.1", f"mqtt.outbox={folder}/outbox.db", "device.name=soak"]
    changes += [f"mqtt.queue={_KEPT_ALERTS}", f"show.socket={folder}/scene.sock", "mqtt.stats_s=1.0"]
    return load(overrides=changes, system_file=Path("/nonexistent")).settings


def publisher_of(settings: Settings, models: Models) -> Publisher:
    """Return the real publisher on a real outbox."""
    sender = Sender("soak", "", settings.camera.name, "soak", Clock(), settings.alert.expires_s)
    config = PublisherConfig(
        broker_of(settings.mqtt, "soak"),
        sender,
        models.specs,
        on_cpu,
        NoProblems(),
        Presence(sender, interval_s=settings.mqtt.stats_s),
        outbox=Path(settings.mqtt.outbox),
        outbox_limit=settings.mqtt.queue,
        stats_s=settings.mqtt.stats_s,
    )
    return Publisher(config)


def soak(frames: int, every: int, folder: Path, csv_path: Path | None = None) -> Gauge:
    """Walk `frames` frames into all sinks; return what was sampled."""
    with ExitStack() as stack:
        mosquitto = Mosquitto(folder)
        mosquitto.start()
        stack.callback(mosquitto.stop)
        settings = settings_for(folder, mosquitto.port)
        models, timings = load_models(settings, profile="live"), Timings()
        lens = LensHealth(patience_s=settings.camera.lens_s, moved_s=settings.camera.moved_s)
        publisher, gauge = publisher_of(settings, models), Gauge(every, frames, csv_path)
        stack.callback(publisher.close)
        server = SceneServer(Path(settings.show.socket), max_side_px=640, status=str)
        stack.callback(server.close)
        publisher.start()
        rules = NoticeRules(Phrases((Phrase("en", "please"),)), NoticeTiming(1.0, 20.0, 60.0, 3), VolumeSchedule(1.0))
        policy = NoticePolicy(rules, minute=lambda: 0)
        sinks = [lens, publisher, server, Vitals(), gauge]
        stages = build_stages(settings, models, timings, every_frame=False, notice=policy)
        pipeline.run(Play(frames), stages, sinks, stop=threading.Event(), beat=lambda: None)
    return gauge


def write_row(path: Path, row: Sequence[object], *, mode: str = "a") -> None:
    """Write one line; the file can be read while the soak goes on."""
    with path.open(mode, newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(row)


def read_samples(path: Path) -> list[Sample]:
    """Return what an earlier soak wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [sample_of([float(value) for value in row]) for row in list(csv.reader(file))[1:]]


def plot(path: Path, samples: Sequence[Sample]) -> None:
    """Draw memory, descriptors, threads and latency over frames."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        sys.exit("the plot needs matplotlib; fix: pip install matplotlib (the figures stand in the CSV)")
    figure = Figure(figsize=(9, 9), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True)
    x = [sample.frame for sample in samples]
    panels[0].plot(x, [sample.rss_bytes / 2**20 for sample in samples])
    panels[1].plot(x, [sample.descriptors for sample in samples])
    panels[2].plot(x, [sample.threads for sample in samples])
    panels[3].plot(x, [sample.latency_ms for sample in samples])
    for panel, label in zip(panels, ("RSS, MiB", "descriptors", "threads", "latency, ms"), strict=True):
        panel.set_ylabel(label)
        panel.grid(visible=True)
    panels[-1].set_xlabel("frames walked")
    figure.savefig(path, dpi=110)


def verdict(samples: Sequence[Sample], frames: int, max_slope: float) -> tuple[bool, str]:
    """Return whether nothing grew, and the sentence about it."""
    steady = settled(samples, frames)
    memory = trend(steady)
    counts = {(sample.descriptors, sample.threads) for sample in steady}
    descriptors_seen, threads_seen = ({pair[k] for pair in counts} for k in (0, 1))
    passed = memory.bound <= max_slope and len(counts) == 1
    latencies = [sample.latency_ms for sample in steady]
    return passed, (
        f"{frames} frames, {len(steady)} samples after the warm-up: RSS {steady[-1].rss_bytes / 2**20:.1f} MiB, "
        f"slope {memory.slope:+.3f} ± {memory.margin:.3f} bytes per frame (bound {memory.bound:+.3f}, allowed "
        f"{max_slope:g}), descriptors {sorted(descriptors_seen)}, threads {sorted(threads_seen)}, latency "
        f"{min(latencies):.1f} to {max(latencies):.1f} ms: {'passed' if passed else 'FAILED'}"
    )


def main() -> None:
    """Soak and assess; or assess what an earlier soak wrote."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--every", type=int, default=0, help="frames between two samples; 0: four hundred samples")
    parser.add_argument("--max-slope", type=float, default=1.0, help="bytes per frame that the bound may reach")
    parser.add_argument("--csv", type=Path, help="written as it goes")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--read", type=Path, metavar="CSV", help="run nothing: assess and draw an earlier soak")
    wanted = parser.parse_args()
    samples = read_samples(wanted.read) if wanted.read else measured(wanted)
    passed, sentence = verdict(samples, samples[-1].frame, wanted.max_slope)
    print(sentence)
    if wanted.plot:
        plot(wanted.plot, samples)
    sys.exit(not passed)


def measured(wanted: argparse.Namespace) -> list[Sample]:
    """Soak in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        gauge = soak(wanted.frames, wanted.every or max(1, wanted.frames // 400), Path(folder), wanted.csv)
    print(f"{gauge.alerts} alerts were raised")
    return gauge.samples


if __name__ == "__main__":
    main()
