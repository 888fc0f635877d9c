"""Cloth for drawn masks: colours, and prints as functions of the position on the face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.draw.canvas import blotches

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pixels = NDArray[np.float32]
    Array = NDArray[np.float64]

COLOURS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "surgical": ((95, 25, 175), (112, 110, 240)),
    "green": ((40, 40, 90), (85, 170, 220)),
    "white": ((0, 0, 205), (179, 18, 252)),
    "grey": ((0, 0, 70), (179, 22, 190)),
    "black": ((0, 0, 12), (179, 60, 60)),
    "navy": ((105, 90, 40), (125, 220, 120)),
    "red": ((172, 130, 90), (184, 240, 230)),
    "orange": ((6, 130, 140), (18, 240, 245)),
    "yellow": ((20, 90, 150), (32, 220, 250)),
    "pink": ((155, 30, 170), (178, 130, 250)),
    "brown": ((5, 70, 50), (16, 190, 140)),
    "beige": ((8, 25, 150), (20, 90, 235)),
    "any": ((0, 0, 20), (179, 255, 255)),
}
"""Ranges of hue (0..179, beyond 179 wraps), saturation and value; "skin" is taken from the face itself."""
WARM = ("red", "orange", "pink", "brown", "beige", "yellow", "skin")


def colour(rng: np.random.Generator, name: str, skin: Pixels) -> Pixels:
    """Return a BGR colour (3,) of the range `name`; `skin` is the face's own colour."""
    if name == "skin":
        return np.clip(skin * rng.uniform(0.75, 1.2) + rng.normal(0, 8, 3), 0, 255).astype(np.float32)
    low, high = COLOURS[name]
    hue, saturation, value = rng.uniform(low, high)
    pixel = np.array([[[hue % 180, saturation, value]]], np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)


def solid(_rng: np.random.Generator, first: Pixels, _second: Pixels, x: Array, _y: Array) -> Pixels:
    """Return one colour all over."""
    return np.broadcast_to(first, (*x.shape, 3)).astype(np.float32)


def stripes(rng: np.random.Generator, first: Pixels, second: Pixels, x: Array, y: Array) -> Pixels:
    """Return stripes at any angle."""
    angle = rng.uniform(0, np.pi)
    period = rng.uniform(0.25, 0.9)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    return _blend(first, second, wave * 3)


def checks(rng: np.random.Generator, first: Pixels, second: Pixels, x: Array, y: Array) -> Pixels:
    """Return a tartan."""
    period = rng.uniform(0.35, 0.9)
    across, down = (np.sign(np.sin(axis * 2 * np.pi / period)) for axis in (x, y))
    return _blend(first, second, (across + down) / 2)


def dots(rng: np.random.Generator, first: Pixels, second: Pixels, x: Array, y: Array) -> Pixels:
    """Return dots in staggered rows."""
    period = rng.uniform(0.35, 0.8)
    row = np.floor(y / period)
    gap = np.hypot((x / period + row % 2 / 2) % 1 - 0.5, (y / period) % 1 - 0.5)
    return _blend(first, second, (rng.uniform(0.2, 0.38) - gap) * 20)


def flowers(rng: np.random.Generator, first: Pixels, second: Pixels, x: Array, _y: Array) -> Pixels:
    """Return patches of several colours: flowers, camouflage, marble."""
    grain = max(x.shape[0] / rng.uniform(10, 30), 1.5)
    cloth = _blend(first, second, blotches(rng, x.shape, (grain, grain)) * 8 - 1)
    third = rng.uniform(0, 255, 3).astype(np.float32)
    spots = np.clip(blotches(rng, x.shape, (grain, grain)) * 8 - 3, 0, 1)[..., None]
    return np.asarray(cloth * (1 - spots) + third * spots, np.float32)


def lettering(rng: np.random.Generator, first: Pixels, second: Pixels, x: Array, y: Array) -> Pixels:
    """Return a plain cloth with a logo or a word on one side."""
    left, top = rng.uniform(-1.1, 0.2), rng.uniform(1.2, 2.3)
    wide, tall = rng.uniform(0.3, 1.1), rng.uniform(0.12, 0.4)
    inside = (x > left) & (x < left + wide) & (y > top) & (y < top + tall)
    ticks = np.sin(x * rng.uniform(12, 40) + 3 * np.sin(y * rng.uniform(3, 18)))
    return _blend(first, second, np.where(inside & (ticks > -0.2), 2.0, -2.0))


def snout(rng: np.random.Generator, first: Pixels, second: Pixels, x: Array, y: Array) -> Pixels:
    """Return a printed mouth or muzzle: a mask that carries a face."""
    centre = rng.uniform(1.9, 2.5)
    smile = np.abs(y - centre - rng.uniform(-0.3, 0.3) * x**2) < rng.uniform(0.06, 0.2)
    return _blend(first, second, np.where(smile & (np.abs(x) < rng.uniform(0.5, 1.0)), 2.0, -2.0))


PRINTS: dict[str, Callable[[np.random.Generator, Pixels, Pixels, Array, Array], Pixels]] = {
    "solid": solid,
    "stripes": stripes,
    "checks": checks,
    "dots": dots,
    "flowers": flowers,
    "lettering": lettering,
    "snout": snout,
}


def _blend(first: Pixels, second: Pixels, share: Array | Pixels) -> Pixels:
    """Return `first` where share is -1 or less, `second` where it is 1 or more."""
    weight = np.clip((np.asarray(share, np.float32) + 1) / 2, 0, 1)[..., None]
    return np.asarray(first * (1 - weight) + second * weight, np.float32)
