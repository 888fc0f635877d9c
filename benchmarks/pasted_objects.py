"""Paste badges and lamps into a video for its whole length, and count the alerts that they raise: none should.

    python -m benchmarks.pasted_objects CLIP [--profile live]... [--sheet FILE.png]

The objects stand at fixed places of the frame, where a street has them: lamps above, badges at the height of jackets.
An alert belongs to an object if the centre of its face is on it. The engine is that of `maskwatch detect`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from edge.capture.video import VideoSource
from edge.data import EventType, Frame
from edge.monitor.timings import Timings
from edge.pipeline import scenes
from edge.settings.load import load
from edge.stages import build_stages, load_models

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge.data import Box, Image, Scene

    Drawing = Callable[[], NDArray[np.float32]]

_DRAWN_PX = 512
_PROFILES = ("live", "balanced", "quality")


@cache
def badge() -> NDArray[np.float32]:
    """Return a printed disc, float32 (512, 512, 4) BGR and opacity 0..1: ring, lettering, and a shield with a star."""
    image = np.zeros((_DRAWN_PX, _DRAWN_PX, 4), np.uint8)
    centre = (_DRAWN_PX // 2,) * 2
    for radius, colour in ((250, (40, 40, 160)), (236, (235, 235, 235)), (222, (120, 50, 30)), (160, (225, 235, 240))):
        cv2.circle(image, centre, radius, (*colour, 255), -1, cv2.LINE_AA)
    for number, letter in enumerate("CITY WATER WORKS * 1954 *"):
        angle = -np.pi / 2 + 2 * np.pi * number / 25
        x, y = (round(256 + 190 * float(f(angle))) for f in (np.cos, np.sin))
        cv2.putText(image, letter, (x - 14, y + 14), cv2.FONT_HERSHEY_DUPLEX, 1.3, (240, 240, 240, 255), 3, cv2.LINE_AA)
    shield = np.array([[166, 160], [346, 160], [346, 270], [256, 370], [166, 270]], np.int32)
    cv2.fillPoly(image, [shield], (60, 50, 170, 255), cv2.LINE_AA)
    turns = -np.pi / 2 + np.arange(10) * np.pi / 5
    star = np.array([256, 240]) + np.where(np.arange(10) % 2, 24, 62)[:, None] * np.stack(
        [np.cos(turns), np.sin(turns)], 1
    )
    cv2.fillPoly(image, [star.astype(np.int32)], (70, 210, 240, 255), cv2.LINE_AA)
    return np.asarray(image / np.array([1, 1, 1, 255]), np.float32)


@cache
def lamp() -> NDArray[np.float32]:
    """Return a lit globe with its glow, float32 (512, 512, 4) BGR and opacity 0..1."""
    y, x = np.mgrid[:_DRAWN_PX, :_DRAWN_PX] - _DRAWN_PX / 2
    radius = np.hypot(x, y) / (_DRAWN_PX / 2)
    glow = np.clip(1 - radius, 0, 1) ** 2
    globe = np.clip((0.5 - radius) * 40, 0, 1)
    warm = np.array([190, 225, 250]) + np.clip(1 - radius, 0, 1)[..., None] * np.array([60, 30, 5])
    return np.dstack([warm, np.maximum(0.8 * glow, globe)]).astype(np.float32)


@dataclass(frozen=True)
class Pasted:
    """An object: name, drawing, and place: its centre in shares of width and height, its side in those of height."""

    name: str
    drawing: Drawing
    x: float
    y: float
    side: float

    def box(self, width_px: int, height_px: int) -> Box:
        """Return its place in a frame in pixels."""
        half = self.side * height_px / 2
        x, y = self.x * width_px, self.y * height_px
        return x - half, y - half, x + half, y + half


OBJECTS = (
    Pasted("badge, large", badge, 0.38, 0.86, 0.100),
    Pasted("badge", badge, 0.60, 0.84, 0.055),
    Pasted("badge, small", badge, 0.16, 0.86, 0.032),
    Pasted("lamp, large", lamp, 0.09, 0.22, 0.200),
    Pasted("lamp", lamp, 0.83, 0.30, 0.110),
    Pasted("lamp, small", lamp, 0.66, 0.42, 0.060),
)


def paste(image: Image) -> Image:
    """Return a frame, uint8 (H, W, 3) BGR, with the objects; they are as sharp as their size allows."""
    result: NDArray[np.float32] = image.astype(np.float32)
    height_px, width_px = image.shape[:2]
    for one in OBJECTS:
        x1, y1, x2, y2 = (round(v) for v in one.box(width_px, height_px))
        drawn = np.asarray(cv2.resize(one.drawing(), (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA), np.float32)
        top, left = max(0, -y1), max(0, -x1)
        there = result[max(0, y1) : y2, max(0, x1) : x2]
        drawn = drawn[top : top + there.shape[0], left : left + there.shape[1]]
        there += (drawn[..., :3] - there) * drawn[..., 3:]
    return np.clip(result, 0, 255).astype(np.uint8)


@dataclass
class Counts:
    """What was found on each object: frames with a face, frames with one classified as bare, and starts of episodes."""

    faces: Counter[str]
    bare: Counter[str]
    starts: Counter[str]
    starts_elsewhere: int = 0

    def add(self, scene: Scene, width_px: int, height_px: int) -> None:
        """Count a scene."""
        places = {one.name: one.box(width_px, height_px) for one in OBJECTS}
        for row, place in enumerate(scene.classified):
            for name in _there(scene.tracks[place].box, places):
                self.faces[name] += 1
                self.bare[name] += scene.verdicts.masks[row].value == "without_mask"
        for alert in scene.alerts:
            if alert.event_type is EventType.START:
                names = _there(alert.track.box, places)
                self.starts.update(names)
                self.starts_elsewhere += not names


def _there(box: Box, places: dict[str, Box]) -> list[str]:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return [name for name, (x1, y1, x2, y2) in places.items() if x1 <= x <= x2 and y1 <= y <= y2]


def counted(clip: Path, profile: str) -> Counts:
    """Return what a profile finds on the objects in a clip."""
    settings = load().settings
    stages = build_stages(settings, load_models(settings, profile=profile), Timings(), every_frame=True)
    counts = Counts(Counter(), Counter(), Counter())
    with closing(VideoSource(clip, prepare=paste)) as source:
        size_px = (0, 0)
        for scene in scenes(source, stages):
            size_px = scene.frame.size_px if scene.frame else size_px
            counts.add(scene, *size_px)
    return counts


def main() -> None:
    """Print the table, and write the first frame if requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--profile", action="append", choices=_PROFILES)
    parser.add_argument("--sheet", type=Path, help="write the first frame with the objects")
    args = parser.parse_args()
    if args.sheet:
        with closing(VideoSource(args.clip, prepare=paste)) as source:
            images = (frame.image for frame in source if isinstance(frame, Frame))
            cv2.imwrite(str(args.sheet), next(images))
    table = Table("profile", "object", "frames with a face", "of them bare", "starts")
    for profile in args.profile or _PROFILES:
        counts = counted(args.clip, profile)
        for one in OBJECTS:
            row = (counts.faces[one.name], counts.bare[one.name], counts.starts[one.name])
            table.add_row(profile, one.name, *map(str, row))
        table.add_row(profile, "elsewhere", "", "", str(counts.starts_elsewhere))
    Console().print(table)


if __name__ == "__main__":
    main()
