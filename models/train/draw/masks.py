"""Draw masks of every make, colour, size and fit over bare faces, placed by five landmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.draw.canvas import blotches, filled, lay, shade, soften, stroke
from models.train.draw.fabric import PRINTS
from models.train.draw.styles import Fit, Make, Style
from models.train.geometry import EAR, FaceCamera, closed_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Pixels = NDArray[np.float32]
    Array = NDArray[np.float64]


def draw_mask(image: Image, landmarks: Array, style: Style, rng: np.random.Generator) -> Image:
    """Return a copy of a BGR image with a mask on the face whose five landmarks, float (5, 2), are given."""
    camera = FaceCamera.fit(np.asarray(landmarks, np.float64))
    canvas = image.astype(np.float32)
    unit = camera.unit_px
    cover = filled(image.shape, camera.project(_outline(style, rng), lift=0.1), soft_px=max(0.5, unit * 0.03))
    canvas = _straps(canvas, camera, style)
    canvas = shade(canvas, cover, rng.uniform(0.15, 0.45), drop_px=unit * 0.1, blur_px=max(0.6, unit * 0.1))
    cloth = _cloth(image, camera, style, cover, rng)
    canvas = lay(canvas, cloth, cover * np.float32(style.opacity))
    if style.make is Make.CLEAR:
        canvas = _glint(canvas, camera, cover, rng)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def skin_colour(image: Image, landmarks: Array) -> Pixels:
    """Return the median BGR colour (3,) between the eyes and of the cheeks."""
    camera = FaceCamera.fit(np.asarray(landmarks, np.float64))
    spots = camera.project(np.array([[-1.0, 0.9], [1.0, 0.9], [0.0, -0.5], [-0.6, 1.2], [0.6, 1.2]]))
    rows = np.clip(spots[:, 1].round().astype(int), 0, image.shape[0] - 1)
    columns = np.clip(spots[:, 0].round().astype(int), 0, image.shape[1] - 1)
    return np.asarray(np.median(cv2.blur(image, (3, 3))[rows, columns], axis=0), np.float32)


def _outline(style: Style, rng: np.random.Generator) -> Array:
    """Return the edge of the mask, canonical (N, 2)."""
    right = np.array(_SHAPES[style.make](style))
    left = right[::-1] * (-1, 1)
    ring = np.vstack([right, left[1:-1] if right[0, 0] == 0 else left])
    ring = ring + rng.normal(0, 0.04, ring.shape)
    if style.fit is Fit.ONE_EAR:
        return closed_curve(_hung(ring, style))
    ring[:, 1] += style.tilt * ring[:, 0]
    return closed_curve(ring)


def _hung(ring: Array, style: Style) -> Array:
    """Return the outline of a mask that hangs from one ear: narrow, rotated, next to the face."""
    centred = ring - ring.mean(0)
    centred = centred * (0.55, 0.9)
    angle = style.side * (0.25 + style.tilt)
    turned = centred @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(np.add(turned, (style.side * 1.75, style.top + 1.4)))


def _rectangle(s: Style) -> list[tuple[float, float]]:
    w = s.half_width
    t, b = s.top, s.bottom
    h = b - t
    return [
        (0, t),
        (0.3, t + 0.04),
        (0.8, t + 0.13 * h),
        (w * 0.96, t + 0.2 * h),
        (w, t + 0.3 * h),
        (w * 0.97, t + 0.62 * h),
        (w * 0.86, t + 0.76 * h),
        (0.6, b - 0.06 * h),
        (0, b),
    ]


def _fitted(s: Style) -> list[tuple[float, float]]:
    w = s.half_width * 1.08
    t, b = s.top, s.bottom
    h = b - t
    return [
        (0, t),
        (0.28, t + 0.06 * h),
        (0.7, t + 0.17 * h),
        (w, t + 0.14 * h),
        (w * 1.03, t + 0.32 * h),
        (w * 0.85, t + 0.6 * h),
        (0.75, t + 0.85 * h),
        (0.3, b - 0.03 * h),
        (0, b),
    ]


def _cup(s: Style) -> list[tuple[float, float]]:
    w = s.half_width * 0.98
    t, b = s.top - 0.05, s.bottom
    h = b - t
    return [
        (0, t),
        (0.22, t + 0.05 * h),
        (0.55, t + 0.18 * h),
        (w * 0.9, t + 0.4 * h),
        (w, t + 0.55 * h),
        (w * 0.85, t + 0.75 * h),
        (0.6, t + 0.93 * h),
        (0, b),
    ]


def _tube(s: Style) -> list[tuple[float, float]]:
    w = 2.0
    t, b = s.top, max(s.bottom, 3.2) + 1.4
    h = b - t
    if s.fit is Fit.FOREHEAD:  # rolled up to a band
        return [(0, t), (1.1, t + 0.05), (w, t + 0.2), (w, s.bottom + 0.1), (1.1, s.bottom), (0, s.bottom)]
    return [
        (0, t),
        (0.4, t + 0.08),
        (1.1, t + 0.12 * h),
        (w, t + 0.1 * h),
        (w * 0.95, t + 0.4 * h),
        (w * 0.85, t + 0.7 * h),
        (w * 0.8, b),
        (0, b + 0.1),
    ]


_SHAPES = {
    Make.SURGICAL: _rectangle,
    Make.CLOTH: _fitted,
    Make.FFP2: _cup,
    Make.DUCKBILL: _rectangle,
    Make.GAITER: _tube,
    Make.CLEAR: _rectangle,
}


def _straps(canvas: Pixels, camera: FaceCamera, style: Style) -> Pixels:
    """Return the image with the ear loops of the mask (a gaiter has none)."""
    if style.make is Make.GAITER:
        return canvas
    for side in (-1, 1):
        if style.fit is Fit.ONE_EAR and side != style.side:
            continue
        for share, ear_y in ((0.22, -0.25), (0.72, 0.6)):
            start = (side * style.half_width * 0.95, style.top + share * (style.bottom - style.top))
            line = camera.project(np.array([start, (side * EAR[0], EAR[1] + ear_y)]), lift=0.05)
            if side * (line[1, 0] - line[0, 0]) > 0.08 * camera.unit_px:
                cover = stroke(canvas.shape, line, max(0.5, 0.05 * camera.unit_px))
                canvas = lay(canvas, np.array(style.strap) * 0.9, cover * 0.9)
    return canvas


def _cloth(image: Image, camera: FaceCamera, style: Style, cover: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the lit cloth as an image (H, W, 3), valid where `cover` is not 0."""
    x, y = camera.unproject(*image.shape[:2])
    first, second = (np.asarray(c, np.float32) for c in (style.cloth, style.second))
    plain = PRINTS[style.pattern](rng, first, second, x, y)
    cloth = plain if style.swatch is None else _from_swatch(style.swatch, style, x, y)
    light = _relief(style, x, y, rng) * _scene_light(image, camera, cover, rng)
    noise = rng.normal(0, rng.uniform(0.5, 3.5), (*x.shape, 1))
    return np.asarray(cloth * light[..., None] + noise, np.float32)


def _from_swatch(swatch: Pixels, style: Style, x: Array, y: Array) -> Pixels:
    """Return real cloth, with its folds and print, stretched over the mask."""
    height, width = swatch.shape[:2]
    columns = (x / style.half_width + 1) / 2 * (width - 1)
    rows = (y - style.top) / (style.bottom - style.top) * (height - 1)
    return np.asarray(
        cv2.remap(
            swatch,
            columns.astype(np.float32),
            rows.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        ),
        np.float32,
    )


def _relief(style: Style, x: Array, y: Array, rng: np.random.Generator) -> Pixels:
    """Return the brightness (H, W), about 1, due to the shape of the cloth: curvature, pleats, seams, wrinkles."""
    light = 1.03 - rng.uniform(0.04, 0.16) * (x / 1.5) ** 2 + rng.uniform(-0.12, 0.12) * x / 1.5
    light += 0.07 - rng.uniform(0.0, 0.12) * np.clip((y - style.top) / (style.bottom - style.top), 0, 1)
    if style.make in {Make.SURGICAL, Make.CLEAR}:
        light += _pleats(style, x, y, rng)
    if style.make in {Make.FFP2, Make.CLOTH} and rng.random() < 0.8:
        light += np.where(np.abs(x) < 0.05, -0.16, 0.0) + 0.06 * np.exp(-((np.abs(x) - 0.25) ** 2) / 0.05)
    if style.make is Make.DUCKBILL:
        middle = (style.top + style.bottom) / 2
        light += np.clip((middle - y) * 0.16, -0.2, 0.12) - 0.14 * np.exp(-((y - middle) ** 2) / 0.008)
    grain = max(1.5, x.shape[0] / rng.uniform(8, 18))
    return np.asarray(light + rng.uniform(0.02, 0.08) * blotches(rng, x.shape, (grain * 0.6, grain * 1.6)), np.float32)


def _pleats(style: Style, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Return the lines of a pleated mask: each is a dark fold with a bright edge above it."""
    lines = np.zeros_like(x)
    depth = rng.uniform(0.05, 0.16)
    for share in (0.3, 0.5, 0.7):
        fold = style.top + (share + rng.normal(0, 0.02)) * (style.bottom - style.top) + 0.12 * (1 - x**2 / 2)
        lines += depth * (0.6 * np.exp(-((y - fold + 0.08) ** 2) / 0.004) - np.exp(-((y - fold) ** 2) / 0.004))
    return lines


def _scene_light(image: Image, camera: FaceCamera, cover: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the brightness (H, W) of the cloth in the light of the scene, estimated from the face under it."""
    grey = soften(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32), max(1.0, camera.unit_px * 0.7))
    level = float((grey * cover).sum() / max(float(cover.sum()), 1.0))
    exposure = np.clip(level / 135, 0.3, 1.25) ** rng.uniform(0.1, 0.6)
    return np.asarray(exposure * np.clip(grey / max(level, 8.0), 0.5, 1.5) ** rng.uniform(0.3, 0.8), np.float32)


def _glint(canvas: Pixels, camera: FaceCamera, cover: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with the rim and the reflection of clear plastic."""
    rim = np.clip(cover - cv2.erode(cover, np.ones((3, 3), np.uint8)), 0, 1)
    spot = camera.project(np.array([[rng.uniform(-0.8, 0.8), rng.uniform(1.0, 2.4)]]))
    shine = stroke(
        canvas.shape,
        np.vstack([spot, spot + rng.normal(0, 0.6 * camera.unit_px, (1, 2))]),
        0.3 * camera.unit_px,
        0.15 * camera.unit_px,
    )
    return lay(canvas, np.full(3, 245.0), np.clip(0.6 * rim + 0.5 * shine * cover, 0, 0.9))
