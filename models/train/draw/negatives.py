"""Draw what covers a face and is no mask: hands, scarves, beards, paper, cups, phones, microphones and what is worn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.train.draw.canvas import blotches, capsule, filled, lay, shade, soften
from models.train.draw.fabric import COLOURS, PRINTS, colour
from models.train.draw.masks import skin_colour
from models.train.draw.worn import party, shield
from models.train.geometry import FaceCamera, closed_curve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from models.train.draw.masks import Image

    Pixels = NDArray[np.float32]
    Array = NDArray[np.float64]
    Painter = Callable[["Pixels", FaceCamera, Pixels, np.random.Generator], Pixels]


def draw_negative(image: Image, landmarks: Array, kind: str, rng: np.random.Generator) -> Image:
    """Return a copy of a BGR image with an object of `KINDS` in front of the face with five landmarks (5, 2)."""
    camera = FaceCamera.fit(np.asarray(landmarks, np.float64))
    canvas = KINDS[kind](image.astype(np.float32), camera, skin_colour(image, landmarks), rng)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def hand(canvas: Pixels, camera: FaceCamera, skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with a hand in front of mouth, nose or cheek: palm below, fingers across."""
    unit = camera.unit_px
    angle = rng.uniform(-1.3, 1.3)
    along = np.array([np.sin(angle), -np.cos(angle)])
    across = np.array([-along[1], along[0]])
    middle = camera.project(np.array([[rng.uniform(-0.7, 0.7), rng.uniform(1.3, 2.6)]]), lift=0.2)[0]
    tone = np.clip(skin * rng.uniform(0.85, 1.12) + rng.normal(0, 4, 3), 0, 255)
    width = rng.uniform(0.42, 0.6) * unit
    fingers = int(rng.integers(3, 6))
    length = rng.uniform(0.8, 1.6) * unit
    palm = middle - along * length * rng.uniform(0.8, 1.1)
    canvas = _limb(canvas, palm, palm - along * 2.5 * unit, width * fingers * 0.85, tone, unit)
    for i in range(fingers):
        shift = across * (i - (fingers - 1) / 2) * width * rng.uniform(0.88, 1.0)
        tip = middle + shift * rng.uniform(0.9, 1.2) + along * length * rng.uniform(0.1, 0.6)
        canvas = _limb(canvas, palm + shift, tip, width, tone * rng.uniform(0.93, 1.05), unit)
    return canvas


def _limb(canvas: Pixels, start: Array, end: Array, width_px: float, tone: Array, unit: float) -> Pixels:
    """Return the image with one finger, shaded as a cylinder and separated from its neighbours by its shadow."""
    cover = capsule(canvas.shape, start, end, width_px)
    core = soften(capsule(canvas.shape, start, end, width_px * 0.45), max(0.5, width_px * 0.18))
    canvas = shade(canvas, cover, 0.35, drop_px=0.03 * unit, blur_px=max(0.5, 0.07 * unit))
    return lay(canvas, tone * (0.8 + 0.25 * core[..., None]), cover)


def scarf(canvas: Pixels, camera: FaceCamera, skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with a scarf or a turtleneck up to the chin or the lower lip, wider than the face."""
    top = rng.uniform(2.35, 3.1)
    wide = rng.uniform(2.0, 3.2)
    edge = [
        (x, top + 0.25 * (x / wide) ** 2 * rng.uniform(-1, 1.5) + rng.normal(0, 0.05))
        for x in np.linspace(-wide, wide, 7)
    ]
    ring = closed_curve(np.array([*edge, (wide * 1.1, 6.5), (-wide * 1.1, 6.5)]))
    cover = filled(canvas.shape, camera.project(np.clip(ring, -6, 6), lift=0.15))
    x, y = camera.unproject(*canvas.shape[:2])
    cloth = _fabric(rng, skin, x, y)
    folds = 0.25 * np.sin(y * rng.uniform(3, 7) + rng.uniform(-1, 1) * x + 2 * blotches(rng, x.shape, (20, 40)))
    knit = rng.uniform(0, 0.12) * np.sin(x * rng.uniform(8, 30))
    canvas = shade(canvas, cover, 0.3, drop_px=-0.05 * camera.unit_px, blur_px=0.12 * camera.unit_px)
    return lay(canvas, cloth * (0.9 + folds + knit)[..., None], cover)


def beard(canvas: Pixels, camera: FaceCamera, _skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with a beard of any colour: jaw, chin and mostly the upper lip; the mouth stays bare."""
    long = rng.uniform(3.2, 4.6)
    full = rng.uniform(1.35, 1.8)
    cheek = rng.uniform(1.5, 2.2)
    right = [
        (0, 2.5),
        (0.6, 2.35),
        (0.95, cheek + 0.1),
        (full, cheek - rng.uniform(0, 0.9)),
        (full, 2.5),
        (0.9, long - 0.4),
        (0, long),
    ]
    ring = closed_curve(np.array(right + [(-x, y) for x, y in right[::-1][1:-1]]))
    cover = filled(canvas.shape, camera.project(ring), soft_px=max(0.8, 0.12 * camera.unit_px))
    if rng.random() < 0.85:
        lip = closed_curve(
            np.array([(-1.0, 2.0), (-0.5, 1.55), (0, 1.5), (0.5, 1.55), (1.0, 2.0), (0.5, 1.8), (0, 1.75), (-0.5, 1.8)])
        )
        cover = np.maximum(cover, filled(canvas.shape, camera.project(lip), soft_px=max(0.6, 0.06 * camera.unit_px)))
    hair = np.array([[20, 22, 28], [30, 42, 62], [45, 75, 120], [120, 120, 122], [215, 215, 218], [40, 90, 160]])
    tone = hair[rng.choice(6, p=[0.35, 0.25, 0.12, 0.12, 0.1, 0.06])] * rng.uniform(0.7, 1.2)
    grain = blotches(rng, canvas.shape, (3, 1.4)) * rng.uniform(0.15, 0.45)
    density = cover * np.clip(rng.uniform(0.6, 0.97) + 0.5 * grain, 0, 1)
    return lay(canvas, tone * (1 + grain)[..., None], density.astype(np.float32))


def paper(canvas: Pixels, camera: FaceCamera, skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with a sheet, a book or a tissue held in front of mouth and nose."""
    top = rng.uniform(0.7, 2.0)
    half = rng.uniform(1.3, 2.8)
    lean = rng.uniform(-0.3, 0.3)
    shift = rng.uniform(-0.5, 0.5)
    tall = rng.uniform(1.5, 4.5)
    ring = np.array(
        [
            (shift - half, top - lean),
            (shift + half, top + lean),
            (shift + half - lean, top + tall + lean),
            (shift - half - lean, top + tall - lean),
        ]
    )
    cover = filled(canvas.shape, _flat(camera, ring))
    x, y = camera.unproject(*canvas.shape[:2])
    plain = rng.random() < 0.6
    cloth = np.full((*x.shape, 3), rng.uniform(190, 252)) if plain else _fabric(rng, skin, x, y)
    lines = 0.35 * (np.sin(y * rng.uniform(14, 30)) > 0.2) * (np.sin(x * 23 + 5 * np.sin(9 * y)) > -0.4)
    canvas = shade(canvas, cover, 0.3, drop_px=0.1 * camera.unit_px, blur_px=0.15 * camera.unit_px)
    canvas = lay(canvas, cloth * (1 - lines * rng.choice([0.0, 1.0]) + 0.06 * rng.normal() * x)[..., None], cover)
    return _grip(canvas, camera, skin, ring[2] * (1, 0.85), rng) if rng.random() < 0.5 else canvas


def cup(canvas: Pixels, camera: FaceCamera, skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with a cup, a can or a bottle at the mouth, and the hand that holds it."""
    x0 = rng.uniform(-0.5, 0.5)
    top = rng.uniform(1.3, 2.3)
    wide = rng.uniform(0.5, 0.95)
    tall = rng.uniform(1.6, 3)
    taper = rng.uniform(0.65, 1.0)
    ring = np.array(
        [(x0 - wide, top), (x0 + wide, top), (x0 + wide * taper, top + tall), (x0 - wide * taper, top + tall)]
    )
    return _grip(_object(canvas, camera, ring, skin, rng), camera, skin, np.array([x0 + wide, top + tall * 0.6]), rng)


def phone(canvas: Pixels, camera: FaceCamera, skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with a phone, usually dark, in front of the mouth or at the cheek, and a hand."""
    x0 = rng.uniform(-1.7, 1.7)
    y0 = rng.uniform(1.2, 2.8)
    angle = rng.uniform(-1.5, 1.5)
    box = np.array([(-0.55, -1.1), (0.55, -1.1), (0.55, 1.1), (-0.55, 1.1)]) * rng.uniform(0.8, 1.2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    ring = box @ turn + (x0, y0)
    return _grip(_object(canvas, camera, ring, skin, rng, dark=0.7), camera, skin, np.array([x0, y0 + 0.8]), rng)


def microphone(canvas: Pixels, camera: FaceCamera, skin: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the image with a microphone in front of mouth or chin: a ball, a cube or a furry windshield on a stick."""
    ball = _flat(camera, np.array([[rng.uniform(-0.9, 0.9), rng.uniform(1.9, 3.2)]]))[0]
    unit = camera.unit_px
    angle = rng.uniform(-0.8, 0.8)
    foot = ball + np.array([np.sin(angle), np.cos(angle)]) * 4 * unit
    stick = rng.uniform(10, 70) * np.ones(3)
    canvas = lay(canvas, stick, capsule(canvas.shape, ball, foot, rng.uniform(0.25, 0.45) * unit))
    tone = colour(rng, str(rng.choice(["black", "black", "grey", "any"])), skin)
    top = ball + rng.normal(0, 0.12, 2) * unit
    cover = capsule(canvas.shape, ball, top, rng.uniform(0.6, 1.3) * unit)
    mesh = 1 + 0.3 * blotches(rng, canvas.shape, (1.6, 1.6))
    return lay(shade(canvas, cover, 0.3, drop_px=0.08 * unit, blur_px=0.1 * unit), tone * mesh[..., None], cover)


KINDS: dict[str, Painter] = {
    "hand": hand,
    "scarf": scarf,
    "beard": beard,
    "paper": paper,
    "cup": cup,
    "phone": phone,
    "microphone": microphone,
    "shield": shield,
    "party": party,
}
FREQUENT = {"paper": 3.0, "hand": 2.0, "beard": 2.0}
"""How often what is confused most with a mask is drawn for training, relative to the others (1)."""


def random_kind(rng: np.random.Generator) -> str:
    """Return one of `KINDS`, with the frequencies of `FREQUENT`."""
    weights = np.array([FREQUENT.get(kind, 1.0) for kind in KINDS])
    return str(rng.choice(list(KINDS), p=weights / weights.sum()))


def _object(
    canvas: Pixels, camera: FaceCamera, ring: Array, skin: Pixels, rng: np.random.Generator, *, dark: float = 0.2
) -> Pixels:
    """Return the image with a flat object of outline `ring`, canonical (N, 2), black with probability `dark`."""
    cover = filled(canvas.shape, _flat(camera, ring))
    x, y = camera.unproject(*canvas.shape[:2])
    black = colour(rng, "black", skin)
    paint = np.broadcast_to(black, (*x.shape, 3)) if rng.random() < dark else _fabric(rng, skin, x, y)
    middle = ring[:, 0].mean()
    light = 1.1 - 0.25 * (x - middle) ** 2
    canvas = shade(canvas, cover, 0.35, drop_px=0.1 * camera.unit_px, blur_px=0.12 * camera.unit_px)
    return lay(canvas, paint * np.clip(light, 0.5, 1.2)[..., None], cover)


def _grip(canvas: Pixels, camera: FaceCamera, skin: Pixels, at: Array, rng: np.random.Generator) -> Pixels:
    """Return the image with three or four fingers around the point `at`, canonical (2,)."""
    unit = camera.unit_px
    side = float(np.sign(at[0]) or 1)
    tone = np.clip(skin * rng.uniform(0.85, 1.1), 0, 255)
    for i in range(int(rng.integers(3, 5))):
        tip = _flat(camera, np.array([np.add(at, (-side * rng.uniform(0.3, 0.7), 0.36 * i))]))[0]
        root = _flat(camera, np.array([np.add(at, (side * 0.8, 0.4 * i + 0.5))]))[0]
        canvas = _limb(canvas, root, tip, 0.36 * unit, tone * rng.uniform(0.94, 1.05), unit)
    return canvas


def _fabric(rng: np.random.Generator, skin: Pixels, x: Array, y: Array) -> Pixels:
    """Return cloth of any colour and print (H, W, 3)."""
    first, second = (colour(rng, str(rng.choice(list(COLOURS))), skin) for _ in range(2))
    return PRINTS["solid" if rng.random() < 0.6 else str(rng.choice(list(PRINTS)))](rng, first, second, x, y)


def _flat(camera: FaceCamera, points: Array) -> Array:
    """Return pixels of canonical points on a plane in front of the face (held up, not worn)."""
    column = np.column_stack([points, np.full(len(points), 0.6), np.ones(len(points))])
    return np.asarray(column @ camera.matrix.T)
