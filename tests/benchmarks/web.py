"""Measure what browsers on the web page cost the service, as ratios of rounds that alternate within one run.

    python -m tests.benchmarks.web --viewers 20 --rounds 8

The real stages and models process drawn images as fast as possible on the first core; the process of the page and its
viewers, one of which never reads what it requested, share the other cores. Rounds of three kinds alternate: no viewers;
viewers of another service, so that the machine is as busy but this service has no viewers; viewers of this service.
Printed are the frame rate, the processor time of the thread per frame, which hardly depends on what else runs on the
machine, and the share of it that the sinks of the page take, which does not depend on it at all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import selectors
import socket
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from edge import pipeline
from edge.app.components import Components
from edge.app.viewers import build_image_redaction
from edge.app.web import build_page
from edge.capture.demo import DemoCamera
from edge.data import Frame
from edge.monitor.timings import Timings
from edge.settings.load import load
from edge.show.daily import Sources
from edge.stages import build_stages, load_models
from tests.support.pages import PlayedService, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from edge.data import Scene
    from edge.pipeline import Sink

_DEMO_S, _STEP_S = 36.0, 0.25
_SETTLE_S = 0.4
ALONE, BUSY, WATCHED = "no viewers", "viewers of another service", "viewers of this service"
KINDS = (ALONE, BUSY, WATCHED)


@dataclass(frozen=True, slots=True)
class Round:
    """The figures of one round."""

    fps_hz: float
    cpu_ms: float
    sinks_share: float


class Walk:
    """Processes the images of the demo again and again."""

    def __init__(self, sinks: list[Sink]) -> None:
        """Load the models and draw the images."""
        settings = load().settings
        self._stages = build_stages(settings, load_models(settings, profile="live"), Timings(), every_frame=False)
        camera = DemoCamera()
        self._images = [camera.scene(step * _STEP_S) for step in range(int(_DEMO_S / _STEP_S))]
        self._sinks = sinks
        self._seq = 0
        self._sinks_s = 0.0

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames forever, with times of the process's clock like those of a camera."""
        while True:
            now = time.monotonic()
            image = self._images[self._seq % len(self._images)].copy()
            yield Frame(image, self._seq, at=now, read_at=now)
            self._seq += 1

    def close(self) -> None:
        """Hold nothing open."""

    def put(self, scene: Scene) -> None:
        """Put a scene into the sinks of the page, and add up their processor time."""
        began_s = time.thread_time()
        for sink in self._sinks:
            sink.put(scene)
        self._sinks_s += time.thread_time() - began_s

    def round(self, duration_s: float) -> Round:
        """Process frames for some seconds."""
        stop, before, sinks_before_s = threading.Event(), self._seq, self._sinks_s
        began_at, cpu_before_s = time.monotonic(), time.thread_time()

        def beat() -> None:
            if time.monotonic() - began_at >= duration_s:
                stop.set()

        pipeline.run(self, self._stages, [self], stop=stop, beat=beat)
        frames, cpu_s, elapsed_s = self._seq - before, time.thread_time() - cpu_before_s, time.monotonic() - began_at
        return Round(frames / elapsed_s, 1e3 * cpu_s / frames, (self._sinks_s - sinks_before_s) / cpu_s)


class Crowd:
    """Viewers of a page, and one that never reads, in a process of their own."""

    def __init__(self, viewers: int, stack: ExitStack) -> None:
        """Start the process, without a connection."""
        self._pipe, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_crowd, args=(viewers, theirs))
        process.start()
        stack.callback(process.join)
        stack.callback(self._pipe.send, None)

    def connect(self, port: int, cookie: str) -> None:
        """Connect all viewers to the page at a port."""
        self._pipe.send((port, cookie))

    def disconnect(self) -> int:
        """Disconnect all viewers; return how many bytes they have read."""
        self._pipe.send("disconnect")
        return int(self._pipe.recv())


def _crowd(viewers: int, pipe: Connection) -> None:
    os.sched_setaffinity(0, others())
    while page := pipe.recv():
        port, cookie = page
        pipe.send(_read(port, cookie, viewers, pipe))


def _read(port: int, cookie: str, viewers: int, pipe: Connection) -> int:
    """Read images as `viewers` browsers do, until a message comes; return the number of bytes read."""
    request = f"GET /live.mjpg HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()
    read_bytes = 0
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for number in range(viewers + 1):
            viewer = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            viewer.sendall(request)
            if number:  # the first one never reads
                selector.register(viewer, selectors.EVENT_READ)
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is pipe:
                    pipe.recv()
                    return read_bytes
                read_bytes += len(key.fileobj.recv(262_144))  # type: ignore[union-attr]


def others() -> set[int]:
    """Return the cores that are left for the other processes."""
    cores = sorted(os.sched_getaffinity(os.getppid()) | set(range(os.cpu_count() or 1)))
    return set(cores[1:]) or set(cores)


def run_other_service(folder: Path, pipe: Connection) -> None:
    """Play another service with the same image rate, until a message comes."""
    os.sched_setaffinity(0, others())
    watch = PlayedService(folder, images_every_s=load().settings.web.every_s)
    pipe.send("ready")
    pipe.recv()
    watch.close()


def start_other_service(folder: Path, stack: ExitStack) -> Path:
    """Start another service in a process of its own; return the path of its scene."""
    folder.mkdir()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run_other_service, args=(folder, theirs))
    process.start()
    stack.callback(process.join)
    stack.callback(ours.send, "end")
    ours.recv()
    return folder / "scene.sock"


def open_site(scene: Path, viewers: int, stack: ExitStack) -> Site:
    """Start the page of a service on the cores that are left for it."""
    site = Site(scene, scene.parent, f"web.viewers={viewers + 1}")
    stack.callback(site.end)
    os.sched_setaffinity(site.process.pid, others())
    return site


def main() -> None:
    """Alternate the three kinds of round, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=1.5)
    arguments = parser.parse_args()
    rounds: list[dict[str, Round]] = []
    read_bytes = 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        scene, settings = Path(folder) / "scene.sock", load().settings
        state = {"fps_hz": 0.0, "latency_ms": 0.0, "broker": "", "waiting": 0, "dropped_alerts": 0, "problems": {}}
        day = Sources({}, lambda: state, lambda _key: False, settings.alert.expires_s)
        keep = stack.enter_context(Components())
        leaving = build_image_redaction(settings, None, keep)
        walk = Walk(build_page(settings, str, day, leaving.pixelation.image, scene, keep))
        sites = {
            BUSY: open_site(start_other_service(Path(folder) / "other", stack), arguments.viewers, stack),
            WATCHED: open_site(scene, arguments.viewers, stack),
        }
        cookies = {kind: site.log_in() for kind, site in sites.items()}
        crowd = Crowd(arguments.viewers, stack)
        os.sched_setaffinity(0, {0})
        walk.round(_SETTLE_S)
        for _ in range(arguments.rounds):
            measured = {}
            for kind in random.sample(KINDS, len(KINDS)):
                if kind in sites:
                    crowd.connect(sites[kind].port, cookies[kind])
                walk.round(_SETTLE_S)
                measured[kind] = walk.round(arguments.seconds)
                read_bytes += crowd.disconnect() if kind in sites else 0
            rounds.append(measured)
    report(rounds)
    viewed_s = 2 * arguments.rounds * (arguments.seconds + _SETTLE_S)
    print(f"each viewer read {read_bytes / arguments.viewers / viewed_s / 1e3:.0f} KB/s")


def report(rounds: list[dict[str, Round]]) -> None:
    """Print the median of each kind, the median ratios, and how far rounds of one kind differ."""
    shares = {kind: statistics.median(each[kind].sinks_share for each in rounds) for kind in rounds[0]}
    print("share of the processor time in the sinks of the page: " + ", ".join(f"{k} {shares[k]:.2%}" for k in KINDS))
    for what in ("fps_hz", "cpu_ms"):
        medians = {kind: statistics.median(getattr(each[kind], what) for each in rounds) for kind in rounds[0]}
        print(f"{what}: " + ", ".join(f"{kind} {medians[kind]:.2f}" for kind in KINDS))
        for under in (ALONE, BUSY):
            ratios = sorted(getattr(each[WATCHED], what) / getattr(each[under], what) for each in rounds)
            middle = f"{ratios[len(ratios) // 4]:.3f} to {ratios[3 * len(ratios) // 4]:.3f}"
            print(f"  {WATCHED} / {under}: {statistics.median(ratios):.3f} (middle half {middle})")
        alone = [getattr(each[ALONE], what) for each in rounds]
        noise = statistics.median(abs(b / a - 1) for a, b in pairwise(alone))
        print(f"  noise, between two rounds without viewers: {noise:.1%}")


if __name__ == "__main__":
    main()
