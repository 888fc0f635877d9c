"""Augment scenes and their target maps during training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge.data import Floats, Image

MIRRORED_POINTS = (1, 0, 2, 4, 3)
"""Mirroring exchanges the eyes and the corners of the mouth."""
_STRIDE_PX = 4
_BLOCKS_SHARE = 0.1
_DARK_SHARE = 0.06


def cut(
    images: Image, targets: Floats, height_px: int, width_px: int, rng: np.random.Generator
) -> tuple[Image, Floats]:
    """Return a window of uint8 (N, H, W, 3) images and of their (N, 15, H / 4, W / 4) targets."""
    top = int(rng.integers(0, (images.shape[1] - height_px) // _STRIDE_PX + 1))
    left = int(rng.integers(0, (images.shape[2] - width_px) // _STRIDE_PX + 1))
    rows = slice(top * _STRIDE_PX, top * _STRIDE_PX + height_px)
    columns = slice(left * _STRIDE_PX, left * _STRIDE_PX + width_px)
    bottom, right = top + height_px // _STRIDE_PX, left + width_px // _STRIDE_PX
    return images[:, rows, columns], targets[:, :, top:bottom, left:right]


def augmented(images: Image, targets: Floats, rng: np.random.Generator) -> tuple[Image, Floats]:
    """Return augmented images, uint8 (N, H, W, 3) RGB, and their targets, float32 (N, 15, h, w)."""
    changed = [_changed(image, rng) for image in images]
    mirror = rng.random(len(images)) < 0.5
    x = np.stack([image[:, ::-1] if flip else image for image, flip in zip(changed, mirror, strict=True)])
    return x, np.where(mirror[:, None, None, None], _mirrored(targets), targets)


def _changed(image: Image, rng: np.random.Generator) -> Image:
    """Return the image recoloured, and at random dark, compressed, in blocks, blurred or with noise."""
    if rng.random() < 0.25:
        image = _compressed(image, int(rng.integers(20, 80)))
    if rng.random() < _BLOCKS_SHARE:
        image = _in_blocks(image, rng)
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (5, 5), float(rng.uniform(0.5, 1.5)))  # type: ignore[assignment]
    dark = rng.random() < _DARK_SHARE
    image = _darkened(image, rng) if dark else _recoloured(image, rng)
    if dark or rng.random() < 0.25:
        noise = rng.standard_normal(image.shape, np.float32) * float(rng.uniform(2, 12))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def _in_blocks(image: Image, rng: np.random.Generator) -> Image:
    """Return the image with blocks like those of a starved H.264 stream: JPEG at low quality and less resolution."""
    height, width = image.shape[:2]
    share = float(rng.uniform(0.5, 1.0))
    small = cv2.resize(image, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
    coarse = _compressed(small, int(rng.integers(6, 20)))  # type: ignore[arg-type]
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _darkened(image: Image, rng: np.random.Generator) -> Image:
    """Return the image as a camera sees it in a badly lit place."""
    levels = 255 * (np.arange(256) / 255) ** rng.uniform(1, 2) * np.exp(rng.uniform(-2.2, -0.7))
    return cv2.LUT(np.ascontiguousarray(image), levels.astype(np.uint8)[None])  # type: ignore[return-value]


def _compressed(image: Image, quality: int) -> Image:
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)  # type: ignore[return-value]


def _recoloured(image: Image, rng: np.random.Generator) -> Image:
    """Return the image brighter or darker and tinted, at random with channels swapped or in grey."""
    kind = rng.random()
    if kind < 0.15:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    elif kind < 0.35:
        image = image[..., rng.permutation(3)]
    gain = np.exp(rng.uniform(-0.6, 0.4)) * rng.uniform(0.85, 1.15, 3)
    levels = (np.arange(256)[:, None] * gain - 127) * rng.uniform(0.6, 1.3) + 127 + rng.uniform(-20, 20)
    table = np.clip(levels, 0, 255).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(image), table[None])  # type: ignore[return-value]


def _mirrored(targets: Floats) -> Floats:
    """Return the maps of mirrored images: x of offset and landmarks negated, points swapped."""
    flipped = targets[..., ::-1].copy()
    flipped[:, 4] *= -1
    shape = flipped.shape
    points = flipped[:, 5:].reshape(shape[0], 5, 2, *shape[2:])[:, MIRRORED_POINTS]
    points[:, :, 1] = 1 - points[:, :, 1]
    flipped[:, 5:] = points.reshape(shape[0], 10, *shape[2:])
    return flipped
