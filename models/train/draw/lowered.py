"""Real masks moved below the nose: nose and cheeks of a bare face are pasted over the upper half of a worn mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.draw.canvas import filled, lay, shade
from models.train.geometry import FaceCamera, closed_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.train.draw.masks import Image

    Pixels = NDArray[np.float32]
    Array = NDArray[np.float64]

_MAX_UNLIKE = 1.2
_BARE_ABOVE_MASK = np.array([[-0.45, -0.45], [0.45, -0.45], [0.0, -0.35], [-1.0, 0.35], [1.0, 0.35]])
"""Canonical points that most masks leave bare, brow and lower eyelids, used to match the skin."""


@dataclass(frozen=True, slots=True, eq=False)
class Donors:
    """Bare faces whose noses are pasted.  skins: float32 (N, 3) log BGR.  turns: float64 (N,), see FaceCamera.turn."""

    crops: Image
    cameras: tuple[FaceCamera, ...]
    skins: Pixels
    turns: Array

    @classmethod
    def of(cls, crops: Image, landmarks: Array) -> Donors:
        """Return donors for uint8 (N, H, W, 3) crops with landmarks float (N, 5, 2)."""
        cameras = tuple(FaceCamera.fit(np.asarray(points, np.float64)) for points in landmarks)
        skins = np.stack([_skin(crop, camera) for crop, camera in zip(crops, cameras, strict=True)])
        return cls(crops, cameras, np.log(np.maximum(skins, 8)), np.array([camera.turn for camera in cameras]))

    def like(self, skin: Pixels, turn: float, rng: np.random.Generator) -> tuple[int, float]:
        """Return of 40 random donors the one nearest in skin colour and head pose, and its distance."""
        some = rng.integers(0, len(self.crops), 40)
        cost = np.abs(self.skins[some] - np.log(np.maximum(skin, 8))).sum(1) + 4 * np.abs(self.turns[some] - turn)
        return int(some[cost.argmin()]), float(cost.min())


def lowered(wearer: Image, landmarks: Array, donors: Donors, rng: np.random.Generator) -> Image | None:
    """Return a BGR crop (H, W, 3) of `wearer` with the mask below a donor's nose; None if no donor is similar."""
    camera = FaceCamera.fit(np.asarray(landmarks, np.float64))
    skin = _skin(wearer, camera)
    chosen, cost = donors.like(skin, camera.turn, rng)
    if cost > _MAX_UNLIKE:
        return None
    face = _worn_by(camera, donors.cameras[chosen], donors.crops[chosen], wearer.shape)
    face = np.clip(face * skin / np.exp(donors.skins[chosen]), 0, 255)
    cover = filled(wearer.shape, camera.project(_window(rng), lift=0.1), soft_px=max(0.6, 0.08 * camera.unit_px))
    edge = shade(
        wearer.astype(np.float32),
        cover,
        rng.uniform(-0.05, 0.3),
        drop_px=0.05 * camera.unit_px,
        blur_px=max(0.6, 0.05 * camera.unit_px),
    )
    return np.clip(lay(edge, face, cover), 0, 255).astype(np.uint8)


def _worn_by(camera: FaceCamera, other: FaceCamera, donor: Image, shape: tuple[int, ...]) -> Pixels:
    """Return the donor's face warped onto the wearer's, float32 (H, W, 3)."""
    x, y = camera.unproject(*shape[:2])
    at = other.project(np.column_stack([np.clip(x, -2.5, 2.5).ravel(), np.clip(y, -3, 4).ravel()]))
    grid = at.reshape(*x.shape, 2).astype(np.float32)
    return np.asarray(
        cv2.remap(donor, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _skin(image: Image, camera: FaceCamera) -> Pixels:
    spots = np.round(camera.project(_BARE_ABOVE_MASK)).astype(int)
    rows = np.clip(spots[:, 1], 0, image.shape[0] - 1)
    columns = np.clip(spots[:, 0], 0, image.shape[1] - 1)
    return np.asarray(np.median(cv2.blur(image, (5, 5))[rows, columns], axis=0), np.float32)


def _window(rng: np.random.Generator) -> Array:
    """Return the outline of the pasted part, from under the eyes to under the nose, canonical (N, 2)."""
    bottom = rng.uniform(1.4, 1.85)
    side = rng.uniform(0.95, 1.6)
    wide = rng.uniform(1.35, 1.75)
    lean = rng.normal(0, 0.05)
    right = [
        (0.0, -0.1),
        (0.5, 0.15),
        (1.1, 0.42),
        (wide, 0.45),
        (wide, side),
        (0.85, (side + bottom) / 2),
        (0.3, bottom - 0.03),
        (0.0, bottom),
    ]
    ring = np.array(right + [(-x, y) for x, y in right[::-1][1:-1]])
    ring[:, 1] += lean * ring[:, 0]
    return closed_curve(ring + rng.normal(0, 0.03, ring.shape))
