"""The slices of the card: kinds of faces, each measured separately.

The drawings are made on the bare faces of the test-only source: no network was trained on these people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.evaluation.images import grey, plain, swapped
from models.train.draw.drawings import at_native, toned
from models.train.draw.fabric import PRINTS, WARM
from models.train.draw.masks import draw_mask, skin_colour
from models.train.draw.negatives import KINDS, draw_negative
from models.train.draw.styles import Fit, random_style
from models.train.geometry import FaceCamera
from models.train.store import STORE_MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from models.train.store import Faces

    Image = NDArray[np.uint8]

SIDE_ON = 0.42
"""Rotation of the head (`FaceCamera.turn`) from which a face counts as side-on, about 35 degrees."""
BENT = 0.16
"""The same for `FaceCamera.bend`, up or down."""
_DARKER = 2.2
SIZES_PX = ((16, 24), (24, 40), (40, 80), (80, 10_000))


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Some faces and the change made to each before it is classified."""

    name: str
    faces: Faces
    change: Callable[[Image], Image] = plain


def dark(image: Image) -> Image:
    """Return the image at a quarter of its brightness, with added noise."""
    noise = np.random.default_rng(int(image[::7, ::7].sum())).normal(0, 5, image.shape)
    return np.clip(image * 0.25 + noise, 0, 255).astype(np.uint8)


def blurred(image: Image) -> Image:
    """Return the image out of focus: sigma is a fifteenth of the height of the face."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 4.0), np.uint8)


def blocked(image: Image) -> Image:
    """Return the image as a recorder at a low bit rate stores it: half as many pixels, coded coarsely in blocks."""
    side = image.shape[0]
    small = cv2.resize(image, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 12])
    return np.asarray(cv2.resize(cv2.imdecode(content, cv2.IMREAD_COLOR), (side, side)), np.uint8)


def shrunken(side_px: int) -> Callable[[Image], Image]:
    """Return a change that shrinks a face to `side_px` px, then enlarges it as the crop function does."""

    def change(image: Image) -> Image:
        side = max(8, round(side_px * (1 + 2 * STORE_MARGIN)))
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)

    return change


def photographs(faces: Faces) -> list[Slice]:
    """Return the slices of a source's photographs."""
    turned, bent = np.array([_pose(points) for points in faces.landmarks]).reshape(-1, 2).T
    slices = [Slice("all", faces)]
    slices += [
        Slice(f"{low}-{high if high < 10_000 else ''} px", faces.take((faces.face_px >= low) & (faces.face_px < high)))
        for low, high in SIZES_PX
    ]
    slices += [Slice("shrunk to 18 px", faces, shrunken(18)), Slice("shrunk to 32 px", faces, shrunken(32))]
    slices += [
        Slice("grey", faces, grey),
        Slice("red and blue swapped", faces, swapped),
        Slice("dark", faces, dark),
        Slice("blurred", faces, blurred),
        Slice("coarse blocks", faces, blocked),
        Slice("side-on", faces.take(turned > SIDE_ON)),
        Slice("bent", faces.take(bent > BENT)),
    ]
    return [s for s in slices + skins(faces) if len(s.faces)]


def skins(faces: Faces) -> list[Slice]:
    """Return the faces with the darkest and the lightest skin in the image, and all faces with the skin darkened."""
    known = faces.take(np.isfinite(faces.landmarks).all((1, 2)))
    light = np.array([_brow(crop, points).mean() for crop, points in zip(known.crops, known.landmarks, strict=True)])
    low, high = np.quantile(light, (0.25, 0.75))
    dark = [toned(crop, points, _DARKER) for crop, points in zip(known.crops, known.landmarks, strict=True)]
    return [
        Slice("skin in the image: darkest quarter", known.take(light <= low)),
        Slice("skin in the image: lightest quarter", known.take(light >= high)),
        Slice(f"skin darkened (gamma {_DARKER})", replace(known, crops=np.stack(dark))),
    ]


def _brow(crop: Image, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colour between and below the eyes, which most masks do not cover."""
    spots = FaceCamera.fit(landmarks.astype(np.float64)).project(np.array([[0.0, -0.4], [-0.8, 0.4], [0.8, 0.4]]))
    rows, columns = (np.clip(spots[:, axis].round().astype(int), 0, crop.shape[0] - 1) for axis in (1, 0))
    return np.asarray(np.median(cv2.blur(crop, (5, 5))[rows, columns], axis=0), np.float32)


def drawings(faces: Faces, seed: int) -> list[Slice]:
    """Return the slices drawn over the bare faces of `faces`."""
    seen = np.isfinite(faces.landmarks).all((1, 2))
    bare = faces.take((faces.labels == 1) & seen & (faces.face_px >= 32))
    solid = {"warm": WARM, "black": ("black",), "white": ("white",), "surgical blue": ("surgical",)}
    slices = [
        _masked(bare, f"drawn mask, {name}", Fit.RIGHT, colours, "solid", seed) for name, colours in solid.items()
    ]
    slices.append(_masked(bare, "drawn mask, patterned", Fit.RIGHT, (), "print", seed))
    slices += [
        _masked(bare, f"drawn {fit.value.replace('_', ' ')}", fit, (), "", seed) for fit in Fit if fit is not Fit.RIGHT
    ]
    return slices + [_with_object(bare, kind, seed) for kind in KINDS]


def _masked(bare: Faces, name: str, fit: Fit, colours: tuple[str, ...], pattern: str, seed: int) -> Slice:
    rng = np.random.default_rng((seed, sum(map(ord, name))))
    images = []
    for crop, points, face_px in zip(bare.crops, bare.landmarks, bare.face_px, strict=True):
        style = random_style(rng, fit, skin_colour(crop, points), colours)
        chosen = {"solid": "solid", "print": str(rng.choice([p for p in PRINTS if p != "solid"])), "": style.pattern}[
            pattern
        ]
        images.append(at_native(draw_mask(crop, points, replace(style, pattern=chosen), rng), float(face_px)))
    label = 0 if fit is Fit.RIGHT else 2
    return Slice(name, replace(bare, crops=np.stack(images), labels=np.full(len(bare), label)))


def _with_object(bare: Faces, kind: str, seed: int) -> Slice:
    rng = np.random.default_rng((seed, sum(map(ord, kind))))
    images = [
        at_native(draw_negative(crop, points, kind, rng), float(px))
        for crop, points, px in zip(bare.crops, bare.landmarks, bare.face_px, strict=True)
    ]
    return Slice(f"drawn {kind}", replace(bare, crops=np.stack(images)))


def _pose(landmarks: NDArray[np.float32]) -> tuple[float, float]:
    """Return how far a head is turned and bent, both 0 where the landmarks are unknown."""
    if not np.isfinite(landmarks).all():
        return 0.0, 0.0
    camera = FaceCamera.fit(landmarks.astype(np.float64))
    return abs(camera.turn), abs(camera.bend)
