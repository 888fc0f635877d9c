"""Positions on a face: a round head in units of half the eye distance, fitted to five landmarks.

Canonical coordinates: x to the right of the image, y down, z towards the camera; the origin is midway between the
eyes, which are at x = -1 and x = +1. The proportions were measured on the two portraits of `draw.portraits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LANDMARKS = np.array(
    [[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.1, 0.95], [-0.85, 2.0, 0.3], [0.85, 2.0, 0.3]],
)
"""Eyes, tip of the nose and corners of the mouth, as the detectors list them."""
EAR = (2.05, 0.55)
CHIN_Y = 3.3
_DEPTH_RIDGE = 0.35
"""Pulls the unstable depth column of the camera (it depends on the nose alone) towards a frontal face."""


def depth(x: Array) -> Array:
    """Return z of the skin at canonical x: a cylinder around the neck, flattened at the cheeks."""
    return np.asarray(0.55 - 0.42 * np.clip(x, -2.3, 2.3) ** 2)


@dataclass(frozen=True, slots=True)
class FaceCamera:
    """An affine camera, float64 (2, 4): pixel = matrix @ (x, y, z, 1)."""

    matrix: Array

    @classmethod
    def fit(cls, landmarks: Array) -> FaceCamera:
        """Return the camera that fits float (5, 2) pixel landmarks best (least squares)."""
        known = np.hstack([LANDMARKS, np.ones((5, 1))])
        unit = np.linalg.norm(landmarks[1] - landmarks[0]) / 2
        ridge = np.array([[0.0, 0.0, _DEPTH_RIDGE, 0.0]])
        solution, *_ = np.linalg.lstsq(np.vstack([known, ridge]), np.vstack([landmarks, [[0, 0]]]), rcond=None)
        matrix = solution.T
        too_deep = np.linalg.norm(matrix[:, 2]) / max(0.7 * max(unit, np.linalg.norm(matrix[:, 1])), 1e-6)
        matrix[:, 2] /= max(1.0, too_deep)
        return cls(matrix)

    @property
    def unit_px(self) -> float:
        """Length of one canonical unit in the image, from x and y together (a turned face is narrow)."""
        return float(max(np.linalg.norm(self.matrix[:, 0]), np.linalg.norm(self.matrix[:, 1])))

    @property
    def turn(self) -> float:
        """Sine-like share of yaw: 0 from the front, beyond 0.5 side-on; positive when the nose points right."""
        return float(self.matrix[0, 2] / max(self.unit_px, 1e-6))

    @property
    def bend(self) -> float:
        """Sine-like share of pitch: positive when the nose points down, compared to a head held upright."""
        return float(self.matrix[1, 2] / max(self.unit_px, 1e-6))

    def project(self, points: Array, lift: Array | float = 0.0) -> Array:
        """Return (N, 2) pixels of canonical (N, 2) x, y points that lie on the skin, `lift` above it."""
        z = depth(points[:, 0]) + lift
        return np.asarray(np.column_stack([points, z, np.ones(len(points))]) @ self.matrix.T)

    def unproject(self, height_px: int, width_px: int) -> tuple[Array, Array]:
        """Return canonical x and y of every pixel, (H, W) each, by three fixed-point iterations on the depth."""
        columns, rows = np.meshgrid(np.arange(width_px) + 0.5, np.arange(height_px) + 0.5)
        inverse = np.linalg.pinv(self.matrix[:, :2])
        pixels = np.stack([columns.ravel(), rows.ravel()]) - self.matrix[:, 3:]
        z = np.full((1, pixels.shape[1]), 0.2)
        for _ in range(3):
            plane = inverse @ (pixels - self.matrix[:, 2:3] * z)
            z = 0.5 * z + 0.5 * depth(plane[:1])
        return plane[0].reshape(height_px, width_px), plane[1].reshape(height_px, width_px)


def closed_curve(points: Array, steps: int = 6) -> Array:
    """Return (N * steps, 2) points of the Catmull-Rom curve through (N, 2) points, closed.

    Source: Catmull and Rom, A class of local interpolating splines, 1974 (tension 0.5).
    """
    before, after, beyond = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (p[:, None] for p in (before, points, after, beyond))
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    return np.asarray(curve.reshape(-1, 2))
