"""Stand-ins that keep the product's contracts, so that tests drive time and the world by hand."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.capture import CameraImage, CameraState
from edge.data import CLASSES, Faces, Frame, Gap, Mask, Notice, NoticeState, Phrase, Scene, Track, Verdicts
from edge.errors import CameraError

PROBABILITIES = {
    Mask.WITH_MASK: (0.9, 0.06, 0.04),
    Mask.WITHOUT_MASK: (0.06, 0.9, 0.04),
    Mask.INCORRECT_MASK: (0.06, 0.04, 0.9),
    Mask.UNSURE: (0.4, 0.35, 0.25),
}


def picture(value: int = 90, size_px: tuple[int, int] = (64, 48)) -> np.ndarray:
    """Return a picture of one grey."""
    return np.full((size_px[1], size_px[0], 3), value, np.uint8)


def frame(at: float = 0.0, seq: int = 0, image: np.ndarray | None = None) -> Frame:
    """Return a frame."""
    return Frame(picture() if image is None else image, seq, at=at, read_at=at)


def faces(*boxes: tuple[float, float, float, float]) -> Faces:
    """Return faces of score 0.9."""
    return Faces(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32))


def verdicts(*masks: Mask) -> Verdicts:
    """Return one plain verdict for each mask."""
    rows = np.array([PROBABILITIES[mask] for mask in masks], np.float32).reshape(-1, len(CLASSES))
    return Verdicts(rows, masks)


def track(number: int = 1, mask: Mask = Mask.WITHOUT_MASK, at: float = 0.0, *, seen: bool = True) -> Track:
    """Return a track that was last seen at `at`."""
    return Track(number, (10, 10, 30, 30), 0 if seen else None, 0.0, at, mask, 0.9, 5, PROBABILITIES[mask])


def scene(tracks: tuple[Track, ...] = (), alerts: tuple = (), episodes: tuple = (), decided_at: float = 0.0) -> Scene:
    """Return a scene around tracks and alerts."""
    return Scene(frame(), Faces.none(), tracks, alerts, decided_at, episodes)


def notice(state: NoticeState = NoticeState.ON, *texts: str, volume: float = 0.0) -> Notice:
    """Return a notice in English, German and so on, as many languages as there are texts."""
    phrases = tuple(Phrase(language, text) for language, text in zip(("en", "de", "es"), texts, strict=False))
    return Notice(state, phrases, volume)


def noticed(state: NoticeState = NoticeState.ON, *texts: str, volume: float = 0.0) -> Scene:
    """Return a scene with a notice."""
    return replace(scene(), notice=notice(state, *texts, volume=volume))


class ListDetector:
    """Detector that finds the same faces in every frame."""

    def __init__(self, found: Faces) -> None:
        self._faces = found

    def detect(self, _frame: Frame) -> Faces:
        return self._faces


class FakeClock:
    """A monotonic clock that moves by hand."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeCamera:
    """Camera that plays a script: pictures, None for damaged ones, errors to raise, callables to call."""

    def __init__(self, script: Iterable[object]) -> None:
        self._script = iter(script)
        self.closed = False

    def read(self) -> CameraImage | None:
        step = next(self._script, CameraError("the script is over"))
        if callable(step):
            step = step()
        if isinstance(step, Exception):
            raise step
        return None if step is None else CameraImage(step)

    def close(self) -> None:
        self.closed = True


class ListSource:
    """Source of given frames and gaps."""

    state, detail, counts = CameraState.OK, "", {}

    def __init__(self, frames: Iterable[Frame | Gap]) -> None:
        self._frames = list(frames)

    def __iter__(self) -> Iterator[Frame | Gap]:
        yield from self._frames

    def close(self) -> None:
        """Hold nothing open."""


class KeepingSink:
    """Sink that keeps what it was given."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def put(self, scene: Scene) -> None:
        self.scenes.append(scene)

    @property
    def alerts(self) -> list:
        return [alert for scene in self.scenes for alert in scene.alerts]


_PRESSURE = (Path("/proc/pressure/cpu"), Path("/proc/pressure/io"))
_TOTAL_US = re.compile(r"^some .*total=(\d+)$", re.MULTILINE)


def _waited_s() -> float:
    """Return for how long some process had to wait for a processor or a disk. Source: Linux, accounting/psi.rst."""
    waited_us = 0
    for path in _PRESSURE:
        with suppress(OSError):  # a kernel that does not count it
            found = _TOTAL_US.search(path.read_text())
            waited_us += int(found[1]) if found else 0
    return waited_us / 1e6


class Stopwatch:
    """Seconds that have passed, without those in which something had to wait for a processor or a disk.

    On an idle machine they are those of the clock; on a busy one a bound on them is broken only by what itself waits.
    """

    def __init__(self) -> None:
        self._began_at, self._waited_s = time.monotonic(), _waited_s()

    @property
    def s(self) -> float:
        return time.monotonic() - self._began_at - (_waited_s() - self._waited_s)


def eventually(condition: Callable[[], object], timeout_s: float = 30.0, step_s: float = 0.02) -> bool:
    """Return whether the condition came true in time, by the clock: a busy machine sleeps longer than asked."""
    waiter, deadline = threading.Event(), time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        waiter.wait(step_s)
    return True


def scene_of(image: np.ndarray):
    return replace(scene((track(),)), frame=frame(image=image))
