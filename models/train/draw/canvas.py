"""Paint on an image: soft-edged shapes, shadows and noise, float32 pixels 0..255, BGR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.float32]
    Array = NDArray[np.float64]

_SHIFT = 4
"""Sub-pixel bits of OpenCV's polygon coordinates."""


def filled(shape: tuple[int, ...], polygon: Array, soft_px: float = 0.7) -> Pixels:
    """Return the coverage float32 (H, W), 0..1, of a polygon of (N, 2) pixels with an edge `soft_px` wide."""
    cover = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(cover, [_fixed(polygon)], 255, cv2.LINE_AA, _SHIFT)
    return soften(cover.astype(np.float32) / 255, soft_px)


def stroke(shape: tuple[int, ...], points: Array, width_px: float, soft_px: float = 0.5) -> Pixels:
    """Return the coverage (H, W) of an open line through (N, 2) pixels; thinner than a pixel is drawn fainter."""
    cover = np.zeros(shape[:2], np.uint8)
    cv2.polylines(
        cover,
        [_fixed(points)],
        isClosed=False,
        color=255,
        thickness=max(1, round(width_px)),
        lineType=cv2.LINE_AA,
        shift=_SHIFT,
    )
    return soften(cover.astype(np.float32) / 255, soft_px) * np.float32(min(1.0, max(0.2, width_px)))


def capsule(shape: tuple[int, ...], start: Array, end: Array, width_px: float, soft_px: float = 0.7) -> Pixels:
    """Return the coverage (H, W) of a thick line with round ends: a finger, a handle."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    along = np.asarray(end - start, np.float32)
    share = ((columns - start[0]) * along[0] + (rows - start[1]) * along[1]) / max(float(along @ along), 1e-6)
    share = np.clip(share, 0, 1)
    distance = np.hypot(columns - start[0] - share * along[0], rows - start[1] - share * along[1])
    return np.clip((width_px / 2 - distance) / max(soft_px, 0.3) + 0.5, 0, 1).astype(np.float32)


def soften(cover: Pixels, sigma_px: float) -> Pixels:
    """Return `cover` blurred, or unchanged if the blur is under a fifth of a pixel."""
    return cover if sigma_px < 0.2 else np.asarray(cv2.GaussianBlur(cover, (0, 0), sigma_px), np.float32)


def lay(image: Pixels, paint: Pixels | Array, cover: Pixels) -> Pixels:
    """Return `image` blended with `paint`, a colour (3,) or an image (H, W, 3), by `cover` (H, W)."""
    alpha = cover[..., None]
    return np.asarray(image * (1 - alpha) + np.asarray(paint, np.float32) * alpha, np.float32)


def shade(image: Pixels, cover: Pixels, strength: float, *, drop_px: float, blur_px: float) -> Pixels:
    """Return `image` darkened by the shadow of `cover`, which falls `drop_px` downwards."""
    moved = cv2.warpAffine(cover, np.array([[1, 0, 0], [0, 1, drop_px]], np.float32), cover.shape[::-1])
    return np.asarray(image * (1 - strength * soften(moved, blur_px))[..., None], np.float32)


def blotches(rng: np.random.Generator, shape: tuple[int, ...], grain_px: tuple[float, float]) -> Pixels:
    """Return smooth noise (H, W), about -1..1, with grains `grain_px` (rows, columns) large."""
    coarse = [max(2, round(side / max(grain, 1))) for side, grain in zip(shape[:2], grain_px, strict=True)]
    noise = np.clip(rng.normal(0, 0.45, coarse), -1.2, 1.2).astype(np.float32)
    return np.asarray(cv2.resize(noise, shape[1::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _fixed(points: Array) -> NDArray[np.int32]:
    """Return pixel coordinates as OpenCV's fixed-point integers."""
    return np.asarray(np.round(np.asarray(points) * 2**_SHIFT), np.int32).reshape(-1, 1, 2)
