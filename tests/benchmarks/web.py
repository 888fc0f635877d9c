"""Web: what browsers that look on cost the walk; ratios of rounds that alternate within one run.

    python -m tests.benchmarks.web --viewers 20 --rounds 8

The real stages and models walk drawn pictures as fast as they go on the first core; the page's process and its
viewers, one of whom never takes what he asked for, share the others. Three kinds of round alternate: nobody looks;
the viewers look at another watch, so that the machine is as busy but the walk has nothing to do with it; they look at
this one. Told is the walk's frame rate, the processor time of its thread a frame, which hardly notices what else runs
on the machine, and the share of it that the page's sinks take, which does not notice it at all.
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
from edge.app.notice import Nearby
from edge.app.viewers import Shown, build_image_redaction
from edge.app.web import build_page
from edge.capture.demo import DemoCamera
from edge.data import Frame
from edge.monitor.timings import Timings
from edge.settings.load import load
from edge.show.daily import Sources
from edge.stages import build_stages, load_models
from tests.support.pages import PlayedWatch, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from edge.data import Scene
    from edge.pipeline import Sink

_DEMO_S, _STEP_S = 36.0, 0.25
_SETTLE_S = 0.4
ALONE, BUSY, WATCHED = "nobody looks", "another watch is looked at", "this watch is looked at"
KINDS = (ALONE, BUSY, WATCHED)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured."""

    fps_hz: float
    cpu_ms: float
    sinks_share: float


class Walk:
    """Walks the demo's pictures, again and again."""

    def __init__(self, sinks: list[Sink]) -> None:
        """Load the models and draw the pictures."""
        settings = load().settings
        self._stages = build_stages(settings, load_models(settings, profile="live"), Timings(), every_frame=False)
        camera = DemoCamera()
        self._pictures = [camera.scene(step * _STEP_S) for step in range(int(_DEMO_S / _STEP_S))]
        self._sinks, self._seq, self._sinks_s = sinks, 0, 0.0

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames without an end; their clock is the process's, as a camera's is."""
        while True:
            now = time.monotonic()
            image = self._pictures[self._seq % len(self._pictures)].copy()
            yield Frame(image, self._seq, at=now, read_at=now)
            self._seq += 1

    def close(self) -> None:
        """Hold nothing open."""

    def put(self, scene: Scene) -> None:
        """Put a scene into the sinks of the page, and note what they take of the processor."""
        began_s = time.thread_time()
        for sink in self._sinks:
            sink.put(scene)
        self._sinks_s += time.thread_time() - began_s

    def round(self, duration_s: float) -> Round:
        """Walk for some seconds."""
        stop, before, sinks_before_s = threading.Event(), self._seq, self._sinks_s
        began_at, cpu_before_s = time.monotonic(), time.thread_time()

        def beat() -> None:
            if time.monotonic() - began_at >= duration_s:
                stop.set()

        pipeline.run(self, self._stages, [self], stop=stop, beat=beat)
        frames, cpu_s, elapsed_s = self._seq - before, time.thread_time() - cpu_before_s, time.monotonic() - began_at
        return Round(frames / elapsed_s, 1e3 * cpu_s / frames, (self._sinks_s - sinks_before_s) / cpu_s)


class Crowd:
    """Viewers of a page, and one that stalls, in a process of their own."""

    def __init__(self, viewers: int, stack: ExitStack) -> None:
        """Start with nobody looking."""
        self._pipe, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_crowd, args=(viewers, theirs))
        process.start()
        stack.callback(process.join)
        stack.callback(self._pipe.send, None)

    def look(self, port: int, cookie: str) -> None:
        """Look at the page at a port."""
        self._pipe.send((port, cookie))

    def leave(self) -> int:
        """Look no more; return how many bytes were taken in all."""
        self._pipe.send("leave")
        return int(self._pipe.recv())


def _crowd(viewers: int, pipe: Connection) -> None:
    os.sched_setaffinity(0, others())
    while asked := pipe.recv():
        port, cookie = asked
        pipe.send(_look(port, cookie, viewers, pipe))


def _look(port: int, cookie: str, viewers: int, pipe: Connection) -> int:
    """Take pictures as `viewers` browsers until told to leave; return the bytes taken."""
    request = f"GET /live.mjpg HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()
    taken = 0
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for number in range(viewers + 1):
            viewer = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            viewer.sendall(request)
            if number:  # the first one never takes anything
                selector.register(viewer, selectors.EVENT_READ)
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is pipe:
                    pipe.recv()
                    return taken
                taken += len(key.fileobj.recv(262_144))  # type: ignore[union-attr]


def others() -> set[int]:
    """Return the cores that the walk leaves to everybody else."""
    cores = sorted(os.sched_getaffinity(os.getppid()) | set(range(os.cpu_count() or 1)))
    return set(cores[1:]) or set(cores)


def decoy(folder: Path, told: Connection) -> None:
    """Be another watch, with as many pictures a second, until told."""
    os.sched_setaffinity(0, others())
    watch = PlayedWatch(folder, pictures_every_s=load().settings.web.every_s)
    told.send("ready")
    told.recv()
    watch.close()


def open_decoy(folder: Path, stack: ExitStack) -> Path:
    """Return the scene of another watch in a process of its own."""
    folder.mkdir()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=decoy, args=(folder, theirs))
    process.start()
    stack.callback(process.join)
    stack.callback(ours.send, "enough")
    ours.recv()
    return folder / "scene.sock"


def open_site(scene: Path, viewers: int, stack: ExitStack) -> Site:
    """Return a page on a watch, on the cores that the walk leaves."""
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
    taken = 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        scene, settings = Path(folder) / "scene.sock", load().settings
        state = {"fps_hz": 0.0, "latency_ms": 0.0, "broker": "", "waiting": 0, "dropped_alerts": 0, "problems": {}}
        day = Sources({}, lambda: state, lambda _key: False, settings.alert.expires_s)
        shown = Shown(str, Nearby())
        keep = stack.enter_context(Components())
        leaving = build_image_redaction(settings, None, keep)
        walk = Walk(build_page(settings, shown, day, leaving.pixelation.picture, scene, keep))
        sites = {
            BUSY: open_site(open_decoy(Path(folder) / "other", stack), arguments.viewers, stack),
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
                    crowd.look(sites[kind].port, cookies[kind])
                walk.round(_SETTLE_S)
                measured[kind] = walk.round(arguments.seconds)
                taken += crowd.leave() if kind in sites else 0
            rounds.append(measured)
    tell(rounds)
    looked_s = 2 * arguments.rounds * (arguments.seconds + _SETTLE_S)
    print(f"a viewer took {taken / arguments.viewers / looked_s / 1e3:.0f} KB a second")


def tell(rounds: list[dict[str, Round]]) -> None:
    """Print the median of each kind, the median ratios, and how far rounds of one kind differ."""
    shares = {kind: statistics.median(each[kind].sinks_share for each in rounds) for kind in rounds[0]}
    print("share of the walk's processor time in the page's sinks: " + ", ".join(f"{k} {shares[k]:.2%}" for k in KINDS))
    for what in ("fps_hz", "cpu_ms"):
        medians = {kind: statistics.median(getattr(each[kind], what) for each in rounds) for kind in rounds[0]}
        print(f"{what}: " + ", ".join(f"{kind} {medians[kind]:.2f}" for kind in KINDS))
        for under in (ALONE, BUSY):
            ratios = sorted(getattr(each[WATCHED], what) / getattr(each[under], what) for each in rounds)
            middle = f"{ratios[len(ratios) // 4]:.3f} to {ratios[3 * len(ratios) // 4]:.3f}"
            print(f"  {WATCHED} / {under}: {statistics.median(ratios):.3f} (middle half {middle})")
        alone = [getattr(each[ALONE], what) for each in rounds]
        noise = statistics.median(abs(b / a - 1) for a, b in pairwise(alone))
        print(f"  noise, one round in which nobody looks to the next: {noise:.1%}")


if __name__ == "__main__":
    main()
