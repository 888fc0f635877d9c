"""Compare faces by the correlation of their aligned images: an image with itself gives 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.geometry import LANDMARKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.train.store import Faces

SIDE_PX = 32
_MIN_FACE_PX = 20.0


def aligned(faces: Faces, face_side: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return unit vectors float32 (M, SIDE_PX ** 2) of the faces with landmarks, and their rows (M,).

    face_side: side of the compared square, in half eye distances: 5 is the face, 10 includes its surroundings.
    """
    rows = np.flatnonzero(np.isfinite(faces.landmarks).all((1, 2)) & (faces.face_px >= _MIN_FACE_PX))
    target = (LANDMARKS[:, :2] * SIDE_PX / face_side + (SIDE_PX / 2, SIDE_PX / 2 - 0.9 * SIDE_PX / face_side)).astype(
        np.float32
    )
    vectors = [_vector(faces.crops[row], faces.landmarks[row], target) for row in rows]
    return np.stack(vectors) if vectors else np.zeros((0, SIDE_PX**2), np.float32), rows


def symmetry(faces: Faces) -> NDArray[np.float64]:
    """Return float64 (N,): the correlation of each face and its shoulders with their mirror image; 0 if unknown."""
    vectors, rows = aligned(faces, 7)
    mirrored = vectors.reshape(-1, SIDE_PX, SIDE_PX)[:, :, ::-1].reshape(-1, SIDE_PX**2)
    result = np.zeros(len(faces))
    result[rows] = (vectors * mirrored).sum(1)
    return result


def _vector(
    crop: NDArray[np.uint8], landmarks: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float32]:
    matrix, _ = cv2.estimateAffinePartial2D(landmarks, target, method=cv2.LMEDS)
    matrix = np.eye(2, 3) if matrix is None else matrix
    grey = cv2.cvtColor(cv2.GaussianBlur(crop, (0, 0), 1.5), cv2.COLOR_BGR2GRAY)
    small = cv2.warpAffine(grey, matrix, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)
