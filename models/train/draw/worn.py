"""Draw what is worn on a face and is no mask: face shields and party masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.train.draw.canvas import blotches, filled, lay, shade, stroke
from models.train.draw.fabric import COLOURS, PRINTS, colour
from models.train.geometry import FaceCamera, closed_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.float32]
    Array = NDArray[np.float64]

_WHOLE_FACE = 0.35
"""Share of the party masks that cover the whole face; the others cover the eyes."""


def shield(canvas: Pixels, camera: FaceCamera, skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with a clear face shield: a band, haze, reflections and a rim to below the chin."""
    wide, top, bottom = rng.uniform(1.9, 2.4), rng.uniform(-2.0, -1.2), rng.uniform(3.2, 4.6)
    ring = _mirrored([(0, top), (wide, top + 0.15), (wide, bottom - 1.0), (wide * 0.75, bottom), (0, bottom + 0.1)])
    outline = camera.project(ring, lift=0.5)
    haze = filled(canvas.shape, outline) * np.float32(rng.uniform(0.03, 0.25))
    canvas = lay(canvas, np.full(3, rng.uniform(170, 250)), haze)
    edge = stroke(canvas.shape, np.vstack([outline, outline[:1]]), max(0.6, rng.uniform(0.03, 0.1) * camera.unit_px))
    canvas = lay(canvas, np.full(3, rng.uniform(120, 255)), edge * np.float32(rng.uniform(0.2, 0.8)))
    for _ in range(int(rng.integers(0, 4))):
        canvas = _reflection(canvas, camera, rng)
    band = _mirrored([(0, top - 0.3), (wide, top - 0.2), (wide, top + 0.3), (0, top + 0.25)])
    tone = colour(rng, str(rng.choice(["white", "black", "surgical", "grey", "any"])), skin)
    return lay(canvas, tone, filled(canvas.shape, camera.project(band, lift=0.3)))


def _reflection(canvas: Pixels, camera: FaceCamera, rng: np.random.Generator) -> Pixels:
    """Return the image with one bright streak on the shield."""
    start = rng.uniform((-1.6, -1.0), (1.6, 3.2))
    line = camera.project(np.array([start, start + rng.normal(0, (0.4, 0.9))]), lift=0.5)
    unit = camera.unit_px
    streak = stroke(canvas.shape, line, rng.uniform(0.08, 0.4) * unit, rng.uniform(0.05, 0.2) * unit)
    return lay(canvas, np.full(3, 250.0), streak * np.float32(rng.uniform(0.2, 0.7)))


def party(canvas: Pixels, camera: FaceCamera, skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with a party mask: around the eyes, or a painted face with holes for the eyes."""
    whole = rng.random() < _WHOLE_FACE
    ring = _face(rng) if whole else _domino(rng)
    cover = filled(canvas.shape, camera.project(ring, lift=0.15))
    for side in (-1, 1):
        eye = np.array([(side - 0.5, 0), (side, -0.28), (side + 0.5, 0), (side, 0.25)])
        cover = cover * (1 - filled(canvas.shape, camera.project(closed_curve(eye), lift=0.15)))
    x, y = camera.unproject(*canvas.shape[:2])
    first, second = (colour(rng, str(rng.choice(list(COLOURS))), skin) for _ in range(2))
    paint = PRINTS["solid" if rng.random() < 0.5 else str(rng.choice(list(PRINTS)))](rng, first, second, x, y)
    light = 1.05 - 0.12 * x**2 / 2 + 0.05 * blotches(rng, x.shape, (12, 12))
    canvas = shade(canvas, cover, 0.3, drop_px=0.08 * camera.unit_px, blur_px=0.1 * camera.unit_px)
    canvas = lay(canvas, paint * np.clip(light, 0.5, 1.2)[..., None], cover)
    return _painted_mouth(canvas, camera, skin, rng) if whole else canvas


def _domino(rng: np.random.Generator) -> Array:
    """Return the outline of a mask around the eyes, which leaves the tip of the nose bare, canonical (N, 2)."""
    wide, brow, cheek = rng.uniform(1.7, 2.2), rng.uniform(-1.3, -0.6), rng.uniform(0.5, 0.85)
    points = [(0, brow + 0.2), (1.0, brow), (wide, brow - rng.uniform(0, 0.8)), (wide, 0.2), (1.0, cheek), (0, 0.35)]
    return closed_curve(_mirrored(points))


def _face(rng: np.random.Generator) -> Array:
    """Return the outline of a mask over the whole face, canonical (N, 2)."""
    wide, brow, chin = rng.uniform(1.7, 2.1), rng.uniform(-2.2, -1.2), rng.uniform(3.0, 3.8)
    cheek = wide * 0.9
    return closed_curve(_mirrored([(0, brow), (1.2, brow + 0.2), (wide, 0.3), (cheek, 1.9), (0.8, chin), (0, chin)]))


def _painted_mouth(canvas: Pixels, camera: FaceCamera, skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with nose and mouth painted on a mask over the whole face."""
    lip = colour(rng, str(rng.choice(["red", "black", "white", "pink"])), skin)
    half, middle, bend = rng.uniform(0.5, 1.2), rng.uniform(1.9, 2.3), rng.uniform(-0.4, 0.5)
    mouth = [(-half, middle - bend), (0, middle - 0.15), (half, middle - bend), (0, middle + rng.uniform(0.1, 0.4))]
    canvas = lay(canvas, lip, filled(canvas.shape, camera.project(closed_curve(np.array(mouth)), lift=0.2)))
    nose = camera.project(np.array([[-0.25, 1.2], [0.25, 1.2]]), lift=0.9)
    return lay(canvas, lip * 0.6, stroke(canvas.shape, nose, 0.12 * camera.unit_px) * np.float32(0.7))


def _mirrored(right: list[tuple[float, float]]) -> Array:
    """Return the outline whose right half is given, from its top to its bottom in the middle."""
    return np.array(right + [(-x, y) for x, y in right[::-1] if x])
