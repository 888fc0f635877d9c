"""What is missed, and what is saved, where faces are detected only in selected frames: drawn entries, clips, an hour.

    python -m benchmarks.selection [--entries 500] [--clip FILE]... [--hour] [--json FILE]

Each scene is walked with every frame selected, with the motion gate, with five detections per second, and with both. An
entry is somebody without a mask who comes into a drawn street, walks in from the side or steps out of a door, and then
stands; by day, by night, or in rain. The walk is that of `maskwatch run` with a camera, profile live, on media time.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from edge.capture.video import VideoSource
from edge.data import EventType, Frame
from edge.detect.gate import MotionGate
from edge.monitor.timings import Timings
from edge.paths import demo
from edge.pipeline import scenes
from edge.settings.load import load
from edge.stages import build_stages, load_models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from edge.data import Image, Scene
    from edge.stages import Models

    Selection = Callable[[Frame, Scene], bool]

RATE_HZ = 10.0
SIZE_PX = (960, 540)
BEFORE_S, AFTER_S = 1.5, 5.0
BUDGET_S = 0.5
"""How much later than with every frame selected an alert may come: two detections at 4 per second."""
SETTINGS = load().settings


def every_frame() -> Selection:
    """Select every frame."""
    return lambda _frame, _last: True


def gate() -> Selection:
    """Select what the motion gate lets through."""
    return MotionGate(forced_s=SETTINGS.detector.rest_s).opens


def rate() -> Selection:
    """Select five frames per second."""
    due_at = 0.0

    def selects(frame: Frame, _last: Scene) -> bool:
        nonlocal due_at
        if frame.at < due_at - 1e-6:
            return False
        due_at = frame.at + 0.2
        return True

    return selects


def both() -> Selection:
    """Select five frames per second of those that the gate lets through."""
    at_rate, opens = rate(), gate()
    return lambda frame, last: at_rate(frame, last) and opens(frame, last)


WAYS: dict[str, Callable[[], Selection]] = {"every frame": every_frame, "gate": gate, "rate": rate, "both": both}


@dataclass(frozen=True, slots=True)
class Walk:
    """What the walk of a scene gave: when episodes began, s of media time; frames; those selected; CPU seconds."""

    starts: tuple[float, ...]
    frames: int
    selected: int
    cpu_s: float


class Given:
    """Source of given frames."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def close(self) -> None:
        """Do nothing: nothing is open."""


@cache
def models() -> Models:
    """Return the models of the profile live."""
    return load_models(SETTINGS, profile="live")


def walked(frames: Iterable[Frame], selection: Selection) -> Walk:
    """Walk frames with a selection."""
    stages = replace(build_stages(SETTINGS, models(), Timings(), every_frame=False), selects=selection)
    starts: list[float] = []
    count = selected = 0
    began_s = time.process_time()
    for scene in scenes(Given(frames), stages):
        count += scene.frame is not None
        selected += scene.frame is not None and not scene.skipped
        starts += [alert.raised_at for alert in scene.alerts if alert.event_type is EventType.START]
    return Walk(tuple(starts), count, selected, time.process_time() - began_s)


# --- drawn entries


@cache
def sprite(name: str, height_px: int) -> NDArray[np.float32]:
    """Return a person of the demo, float32 (h, w, 4) BGR and opacity 0..1."""
    image = cv2.imread(str(demo() / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    scale = height_px / image.shape[0]
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    small[..., 3] /= 255
    return small


def street(dice: np.random.Generator) -> Image:
    """Return a street of houses and windows in random greys, uint8 (540, 960, 3)."""
    image = np.full((SIZE_PX[1], SIZE_PX[0], 3), 170, np.uint8)
    for left in range(0, SIZE_PX[0], 96):
        grey = int(dice.integers(70, 170))
        top = int(dice.integers(40, 160))
        cv2.rectangle(image, (left, top), (left + 90, 420), (grey, grey + 6, grey + 12), -1)
        for y in range(top + 20, 380, 50):
            cv2.rectangle(image, (left + 20, y), (left + 45, y + 28), (grey - 40, grey - 38, grey - 34), -1)
    cv2.rectangle(image, (0, 420), SIZE_PX, (118, 120, 122), -1)
    return cv2.GaussianBlur(image, (0, 0), 1.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who comes: who, how tall in pixels, where they stand, from where, and in which light."""

    name: str
    height_px: int
    stands_px: int
    from_px: int
    walk_s: float
    light: str


def entry(dice: np.random.Generator) -> Entry:
    """Return a random entry; a face measures a quarter of the height, 28 pixels at least."""
    stands = int(dice.integers(150, SIZE_PX[0] - 150))
    steps_out = bool(dice.integers(2))
    side = -150 if dice.integers(2) else SIZE_PX[0] + 150
    return Entry(
        name=("astronaut_bare", "hopper_bare")[dice.integers(2)],
        height_px=int(dice.integers(110, 340)),
        stands_px=stands,
        from_px=stands if steps_out else side,
        walk_s=0.0 if steps_out else float(dice.uniform(1.0, 3.0)),
        light=("day", "night", "rain")[dice.integers(3)],
    )


def drawn(one: Entry, dice: np.random.Generator) -> list[Frame]:
    """Return the frames of an entry: the street alone for `BEFORE_S`, and `AFTER_S` after the person stands."""
    empty = street(dice)
    seconds = BEFORE_S + one.walk_s + AFTER_S
    return [
        Frame(_lit(_with_person(empty, one, seq / RATE_HZ), one.light, dice), seq, at=seq / RATE_HZ, read_at=0.0)
        for seq in range(round(seconds * RATE_HZ))
    ]


def _with_person(empty: Image, one: Entry, at: float) -> Image:
    image = empty.copy()
    if at < BEFORE_S:
        return image
    person = sprite(one.name, one.height_px)
    share = min(1.0, (at - BEFORE_S) / one.walk_s) if one.walk_s else 1.0
    left = round(one.from_px + share * (one.stands_px - one.from_px) - person.shape[1] / 2)
    x1, x2 = max(0, left), min(SIZE_PX[0], left + person.shape[1])
    if x1 < x2:
        part = person[:, x1 - left : x2 - left]
        area = image[SIZE_PX[1] - part.shape[0] :, x1:x2]
        area[:] = part[..., :3] * part[..., 3:] + area * (1 - part[..., 3:])
    return image


def _lit(image: Image, light: str, dice: np.random.Generator) -> Image:
    """Return an image by day, by night (dark, and the noise of a high gain), or in rain (new streaks each time)."""
    level, sigma = (0.35, 6.0) if light == "night" else (1.0, 3.0)
    if light == "rain":
        image = image.copy()
        for x, y in dice.integers(0, SIZE_PX, (150, 2)):
            cv2.line(image, (int(x), int(y)), (int(x) + 3, int(y) + 14), (205, 205, 205), 1, cv2.LINE_AA)
    noise = np.zeros(image.shape, np.int16)
    cv2.randn(noise, 0, sigma)
    return np.clip(image * level + noise, 0, 255).astype(np.uint8)


# --- the tables


def entries(number: int) -> dict[str, dict[str, float]]:
    """Return by way: entries with an alert, missed, late, the greatest delay, the share selected, and of CPU time."""
    dice = np.random.default_rng(11)
    cv2.setRNGSeed(11)
    runs: dict[str, list[Walk]] = {way: [] for way in WAYS}
    for _ in range(number):
        frames = drawn(entry(dice), dice)
        for way, selection in WAYS.items():
            runs[way].append(walked(frames, selection()))
    return {way: _against(runs["every frame"], found) for way, found in runs.items()}


def _against(wanted: Sequence[Walk], found: Sequence[Walk]) -> dict[str, float]:
    pairs = [(a.starts[0], b.starts[0]) for a, b in zip(wanted, found, strict=True) if a.starts and b.starts]
    return {
        "alerts": sum(bool(walk.starts) for walk in found),
        "missed": sum(bool(a.starts) and not b.starts for a, b in zip(wanted, found, strict=True)),
        "late": sum(b - a > BUDGET_S for a, b in pairs),
        "most_late_s": round(max((b - a for a, b in pairs), default=0.0), 2),
        "selected": round(sum(walk.selected for walk in found) / sum(walk.frames for walk in found), 4),
        "cpu_share": round(sum(walk.cpu_s for walk in found) / sum(walk.cpu_s for walk in wanted), 4),
    }


def clip(path: Path) -> dict[str, dict[str, object]]:
    """Return by way when episodes begin in a clip, and the share of frames selected."""
    rows: dict[str, dict[str, object]] = {}
    for way, selection in WAYS.items():
        with closing(VideoSource(path)) as source:
            found = walked((moment for moment in source if isinstance(moment, Frame)), selection())
        rows[way] = {
            "starts": [round(at, 2) for at in found.starts],
            "selected": round(found.selected / found.frames, 4),
        }
    return rows


def hour() -> dict[str, dict[str, float]]:
    """Return by way the alerts in an hour of a still, noisy street at 5 frames per second, and the share selected."""
    rows = {}
    for way, selection in WAYS.items():
        dice = np.random.default_rng(5)
        cv2.setRNGSeed(5)
        empty = street(dice)
        frames = (Frame(_lit(empty, "night", dice), seq, at=seq / 5, read_at=0.0) for seq in range(3600 * 5))
        found = walked(frames, selection())
        rows[way] = {"alerts": len(found.starts), "selected": round(found.selected / found.frames, 4)}
    return rows


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=500)
    parser.add_argument("--clip", type=Path, action="append", default=[])
    parser.add_argument("--hour", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    report = {f"{asked.entries} entries": entries(asked.entries)} if asked.entries else {}
    report |= {path.name: clip(path) for path in asked.clip}
    report |= {"an hour": hour()} if asked.hour else {}
    for title, rows in report.items():
        table = Table(title=title)
        for heading in ("way", *next(iter(rows.values()))):
            table.add_column(heading)
        for way, row in rows.items():
            table.add_row(way, *map(str, row.values()))
        Console(width=200).print(table)
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
