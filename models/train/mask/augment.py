"""Augment faces as a cheap street camera degrades them: few pixels, loose boxes, blur, night, rain, blocks, tints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.store import MARGIN, STORE_MARGIN, STORE_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Pixels = NDArray[np.float32]

_SERVED_SHARE = (1 + 2 * MARGIN) / (1 + 2 * STORE_MARGIN)
_MIN_SPREAD = 12.0
_SHARP_PX = 96
"""Working size before the image is shrunk to the number of pixels that the camera would have had."""


@dataclass(frozen=True, slots=True)
class Strength:
    """Probability of each change, and the smallest simulated face."""

    few_pixels: float = 0.5
    smallest_px: float = 14.0
    colours: float = 0.65
    light: float = 0.75
    blur: float = 0.3
    rain: float = 0.08
    jpeg: float = 0.4
    noise: float = 0.35
    stream: float = 0.15


def augmented(crop: Image, face_px: float, size_px: int, rng: np.random.Generator, strength: Strength) -> Image:
    """Return uint8 (size_px, size_px, 3) BGR: a stored crop as `crop_face` would cut it from a bad frame."""
    image = moved(crop, rng)
    image = recoloured(image, rng) if rng.random() < strength.colours else image
    image = relit(image, rng) if rng.random() < strength.light else image
    image = blurred(image, rng) if rng.random() < strength.blur else image
    image = rained(image, rng) if rng.random() < strength.rain else image
    image = shrunk(image, _camera_px(face_px, size_px, rng, strength), rng)
    image = noisy(image, rng) if rng.random() < strength.noise else image
    image = compressed(image, rng) if rng.random() < strength.jpeg else image
    image = streamed(image, rng) if rng.random() < strength.stream else image
    shrink = image.shape[0] > size_px
    return np.asarray(
        cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR), np.uint8
    )


def moved(crop: Image, rng: np.random.Generator) -> Image:
    """Return the middle of a stored crop, flipped, rotated, shifted, stretched and cropped loosely or tightly."""
    turn = np.deg2rad(rng.normal(0, 8) if rng.random() < 0.72 else rng.uniform(-48, 48))
    scale = float(np.exp(rng.normal(0.02, 0.07))) * (rng.uniform(1.0, 1.3) if rng.random() < 0.15 else 1.0)
    stretch = float(np.exp(rng.normal(0, 0.07)))
    side = STORE_PX * _SERVED_SHARE * scale
    flip = -1.0 if rng.random() < 0.5 else 1.0
    axes = (
        np.array([[np.cos(turn) * flip * stretch, -np.sin(turn)], [np.sin(turn) * flip, np.cos(turn) / stretch]])
        * side
        / _SHARP_PX
    )
    centre = STORE_PX / 2 + rng.normal(0, 0.035, 2) * side
    matrix = np.column_stack([axes, centre - axes @ np.full(2, _SHARP_PX / 2)])
    return np.asarray(
        cv2.warpAffine(
            crop,
            matrix,
            (_SHARP_PX, _SHARP_PX),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def recoloured(image: Image, rng: np.random.Generator) -> Image:
    """Return the image with rotated hue, swapped channels, in grey, with a colour cast, or with other saturation."""
    change = rng.choice(5, p=[0.25, 0.22, 0.18, 0.2, 0.15])
    if change == 0:
        return _hue_turned(image, int(rng.integers(0, 180)))
    if change == 1:
        return np.ascontiguousarray(
            image[
                ...,
                [[2, 1, 0], [1, 0, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1]][rng.choice(5, p=[0.4, 0.15, 0.15, 0.15, 0.15])],
            ]
        )
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None].astype(np.float32)
    if change == 2:
        return np.repeat(grey, 3, 2).astype(np.uint8)
    if change == 3:
        return np.clip(image * np.exp(rng.normal(0, 0.18, 3)), 0, 255).astype(np.uint8)
    return np.clip(grey + (image - grey) * rng.uniform(0.2, 1.8), 0, 255).astype(np.uint8)


def _hue_turned(image: Image, turn: int) -> Image:
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int32) + turn) % 180
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)


def relit(image: Image, rng: np.random.Generator) -> Image:
    """Return the image brighter, darker, with less contrast, at night, backlit or half in shadow."""
    gamma = float(np.exp(rng.normal(0, 0.3)))
    gain = float(np.exp(rng.normal(0, 0.22)))
    lift = rng.normal(0, 14)
    scene = rng.random()
    if scene < 0.12:
        gain *= rng.uniform(0.2, 0.55)
    pixels = 255 * (image / np.float32(255)) ** np.float32(gamma) * gain + (lift if scene >= 0.12 else 0)
    if 0.12 <= scene < 0.3:
        pixels *= _gradient(image.shape[0], rng)
    elif scene < 0.4:
        pixels = pixels * rng.uniform(0.35, 0.7) + rng.uniform(40, 110)
    return np.clip(_seen(pixels), 0, 255).astype(np.uint8)


def _seen(pixels: Pixels) -> Pixels:
    """Return the image with a standard deviation of at least 12 grey levels: an invisible face teaches nothing."""
    spread = float(pixels.std())
    return pixels if spread >= _MIN_SPREAD else np.asarray(pixels * (_MIN_SPREAD / max(spread, 1.0)), np.float32)


def _gradient(size: int, rng: np.random.Generator) -> Pixels:
    """Return light that changes across the image, or a dark middle on a bright background, (S, S, 1)."""
    across = np.linspace(-1, 1, size, dtype=np.float32)
    if rng.random() < 0.4:
        return np.asarray(0.4 + 0.9 * np.clip(np.hypot(across[:, None], across[None]) - 0.2, 0, 1), np.float32)[
            ..., None
        ]
    angle = rng.uniform(0, 2 * np.pi)
    slope = across[None] * np.cos(angle) + across[:, None] * np.sin(angle)
    return np.asarray(1 + rng.uniform(0.2, 0.7) * np.tanh(slope * rng.uniform(1, 5)), np.float32)[..., None]


def blurred(image: Image, rng: np.random.Generator) -> Image:
    """Return the image out of focus or smeared by motion."""
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 2.8)), np.uint8)
    length = int(rng.integers(3, 15))
    angle = rng.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (length - 1) / 2
    middle = np.full(2, (length - 1) / 2)
    start, end = (tuple(np.round(middle + sign * reach).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.uint8)


def rained(image: Image, rng: np.random.Generator) -> Image:
    """Return the image behind streaks of rain or drops on the lens."""
    layer = np.zeros(image.shape[:2], np.uint8)
    slant = rng.uniform(-0.3, 0.3)
    for x, y in rng.uniform(0, image.shape[0], (int(rng.integers(10, 45)), 2)):
        long = rng.uniform(6, 26)
        cv2.line(
            layer, (int(x), int(y)), (int(x + slant * long), int(y + long)), int(rng.integers(60, 190)), 1, cv2.LINE_AA
        )
    wet = cv2.GaussianBlur(layer, (0, 0), 0.8)[..., None].astype(np.float32)
    return np.clip(image * 0.9 + wet * 0.7, 0, 255).astype(np.uint8)


def _camera_px(face_px: float, size_px: int, rng: np.random.Generator, strength: Strength) -> int:
    """Return the side in pixels that the square crop would have had in the frame."""
    most = min(face_px * 1.1, size_px * 1.4)
    few = rng.random() < strength.few_pixels and most > strength.smallest_px
    face = np.exp(rng.uniform(np.log(strength.smallest_px), np.log(most))) if few else most
    return int(np.clip(round(face * (1 + 2 * MARGIN)), 10, _SHARP_PX))


def shrunk(image: Image, side: int, rng: np.random.Generator) -> Image:
    """Return the image at `side` pixels, scaled as by optics (averaging) or by a simple scaler (linear)."""
    if side >= image.shape[0]:
        return image
    how = cv2.INTER_AREA if rng.random() < 0.75 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=how), np.uint8)


def noisy(image: Image, rng: np.random.Generator) -> Image:
    """Return the image with sensor noise, coloured or grey."""
    channels = 3 if rng.random() < 0.6 else 1
    noise = rng.normal(0, rng.uniform(1, 11), (*image.shape[:2], channels))
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def compressed(image: Image, rng: np.random.Generator) -> Image:
    """Return the image after JPEG."""
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(18, 85))])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)


def streamed(image: Image, rng: np.random.Generator) -> Image:
    """Return the image as a recorder streams it: fewer pixels, coded coarsely in blocks, and enlarged again."""
    side = image.shape[0]
    few = max(10, round(side * rng.uniform(0.4, 1.0)))
    small = cv2.resize(image, (few, few), interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(7, 30))])
    how = cv2.INTER_LINEAR if rng.random() < 0.6 else cv2.INTER_CUBIC
    large = cv2.resize(cv2.imdecode(content, cv2.IMREAD_COLOR), (side, side), interpolation=how)
    return np.asarray(cv2.blur(large, (2, 2)) if rng.random() < 0.4 else large, np.uint8)
