"""Frames of a street as JPEG, as a camera sends them: good ones, and one kind for each fault."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from edge.capture.demo import DemoCamera

SIZE_PX = (640, 360)
_COUNT = 24
"""Frames of a loop: two seconds at 12 per second."""


def jpeg(image: np.ndarray) -> bytes:
    """Return a picture as its camera would send it."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def noisy(image: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """Return a picture with a sensor's noise."""
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@cache
def scene(at: float = 11.0, size_px: tuple[int, int] = SIZE_PX) -> np.ndarray:
    """Return the demo's street at a moment."""
    return cv2.resize(DemoCamera().scene(at), size_px, interpolation=cv2.INTER_AREA)


def night_scene() -> np.ndarray:
    """Return the same street by night: little light, but lamps and lit windows."""
    dark = scene().astype(np.float32) * 0.08
    for x in (60, 200, 340, 480, 600):
        cv2.circle(dark, (x, 60), 9, (170, 200, 230), cv2.FILLED)
        cv2.rectangle(dark, (x - 12, 150), (x + 12, 186), (60, 90, 110), cv2.FILLED)
    return dark


def _loop(image: np.ndarray, sigma: float = 2.0) -> tuple[bytes, ...]:
    return tuple(jpeg(noisy(image, sigma, seed)) for seed in range(_COUNT))


@cache
def well() -> tuple[bytes, ...]:
    """Return a street on which people move."""
    return tuple(jpeg(scene(4.0 + k / 12)) for k in range(_COUNT))


@cache
def well_and_larger() -> tuple[bytes, ...]:
    """Return the same at another size."""
    return tuple(jpeg(scene(4.0 + k / 12, (960, 540))) for k in range(_COUNT))


@cache
def frozen() -> tuple[bytes, ...]:
    """Return one picture for ever."""
    return well()[5:6]


@cache
def covered() -> tuple[bytes, ...]:
    """Return what a covered lens sees: black with noise."""
    return _loop(np.full_like(scene(), 6))


@cache
def overexposed() -> tuple[bytes, ...]:
    """Return an overexposed street, as with the sun in the lens."""
    return _loop(np.full_like(scene(), 252))


@cache
def blurred() -> tuple[bytes, ...]:
    """Return a street out of focus."""
    return _loop(cv2.GaussianBlur(scene(), (0, 0), 10), sigma=1.5)


@cache
def night() -> tuple[bytes, ...]:
    """Return a noisy street by night."""
    return _loop(night_scene(), sigma=5.0)


@cache
def torn() -> tuple[bytes, ...]:
    """Return pictures of which every second is cut off, or is none."""
    wrong = (well()[0][:400], b"no JPEG at all")
    return tuple(picture if k % 2 else wrong[k // 2 % 2] for k, picture in enumerate(well()))
