"""Scenes of known geometry: the demo's portraits where a pinhole camera would show them.

How large the people in the portraits are is settled without the detector, by two rulers read off the pictures by eye:
pupils 63 mm apart (Dodgson, Variation and extrema of human interpupillary distance, 2004) and 118 mm from the root of
the nose to the chin (Zhuang and Bradtmiller, 2005, men and women together); the geometric mean of both counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from edge.capture.demo import _paste, _street
from edge.distance.ranging import RangeFinder, focal_of
from edge.paths import demo
from tests.support.fakes import Frame

SIZE_PX = (1280, 720)
FOV_DEG = 66.0
FOCAL_PX = focal_of(FOV_DEG) * SIZE_PX[0]


@dataclass(frozen=True)
class Portrait:
    """Points in a demo portrait, x, y in its pixels: the pupils, the root of the nose, the chin."""

    pupils: tuple[tuple[float, float], tuple[float, float]]
    root: tuple[float, float]
    chin: tuple[float, float]

    @property
    def m_per_px(self) -> float:
        return math.sqrt(0.063 / math.dist(*self.pupils) * 0.118 / math.dist(self.root, self.chin))


PORTRAITS = {
    "astronaut": Portrait(((153.5, 101.5), (194.5, 103.5)), (174.0, 99.0), (174.0, 178.5)),
    "hopper": Portrait(((128.5, 108.5), (180.5, 107.0)), (155.0, 104.0), (156.0, 196.0)),
}


@dataclass(frozen=True)
class Person:
    """Who stands where: m right of the camera's axis and ahead of it, the middle of the face at its height."""

    name: str
    x_m: float
    z_m: float
    wears: str = "bare"

    @property
    def position_m(self) -> tuple[float, float, float]:
        return self.x_m, 0.0, self.z_m

    @property
    def centre_px(self) -> tuple[float, float]:
        return SIZE_PX[0] / 2 + FOCAL_PX * self.x_m / self.z_m, SIZE_PX[1] / 2


def picture(*people: Person) -> np.ndarray:
    """Return a street with people on it, the farthest first."""
    image = cv2.resize(_street(), SIZE_PX, interpolation=cv2.INTER_LINEAR)
    for person in sorted(people, key=lambda person: -person.z_m):
        portrait = PORTRAITS[person.name]
        sprite = cv2.imread(str(demo() / f"{person.name}_{person.wears}.png"), cv2.IMREAD_UNCHANGED)
        scale = FOCAL_PX * portrait.m_per_px / person.z_m
        drawn = cv2.resize(sprite, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
        drawn[:, :, 3] /= 255
        middle = [(a + b) / 2 * scale for a, b in zip(portrait.root, portrait.chin, strict=True)]
        _paste(image, drawn, *(round(p - m) for p, m in zip(person.centre_px, middle, strict=True)))
    return image


def range_finder(input_width_px: int = 640) -> RangeFinder:
    """Return the range finder of the camera of the drawn images, with the face height of the settings."""
    return RangeFinder(focal_of(FOV_DEG), 0.05, 0.185, input_width_px)


def boxes(detector, *people: Person) -> list[tuple[float, float, float, float] | None]:
    """Return the detected box of each person, None where there is none."""
    faces = detector.detect(Frame(picture(*people), 0, 0.0, 0.0))
    return [nearest(faces.boxes, person.centre_px) for person in people]


def nearest(found: np.ndarray, centre: tuple[float, float]) -> tuple[float, float, float, float] | None:
    """Return the box that holds a point, None where none does."""
    for box in found.tolist():
        if box[0] < centre[0] < box[2] and box[1] < centre[1] < box[3]:
            return tuple(box)
    return None
