"""Find training faces that are also in a test-only source, by correlating aligned faces; leave them out of training.

    python -m models.train.leaks WORK

Reads WORK/crops/*.npz, writes WORK/leaks.json: {training source: [rows]} and the pairs, best first.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.geometry import LANDMARKS
from models.train.sources import SOURCES, Role
from models.train.stamp import fresh, stamp
from models.train.store import Faces

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIDE_PX = 32
_MIN_FACE_LIKENESS = 0.9
_MIN_SCENE_LIKENESS = 0.85
"""Chosen on contact sheets: masked faces of different people correlate up to 0.95 by the face alone, so the
surroundings must match as well."""
_MIN_FACE_PX = 20.0


def aligned(faces: Faces, face_side: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return unit vectors float32 (M, _SIDE_PX ** 2) of the faces with landmarks, and their rows (M,).

    face_side: side of the compared square, in half eye distances: 5 is the face, 10 includes its surroundings.
    """
    rows = np.flatnonzero(np.isfinite(faces.landmarks).all((1, 2)) & (faces.face_px >= _MIN_FACE_PX))
    target = (
        LANDMARKS[:, :2] * _SIDE_PX / face_side + (_SIDE_PX / 2, _SIDE_PX / 2 - 0.9 * _SIDE_PX / face_side)
    ).astype(np.float32)
    return np.stack([_vector(faces.crops[row], faces.landmarks[row], target) for row in rows]), rows


def _vector(
    crop: NDArray[np.uint8], landmarks: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float32]:
    matrix, _ = cv2.estimateAffinePartial2D(landmarks, target, method=cv2.LMEDS)
    matrix = np.eye(2, 3) if matrix is None else matrix
    grey = cv2.cvtColor(cv2.GaussianBlur(crop, (0, 0), 1.5), cv2.COLOR_BGR2GRAY)
    small = (
        cv2.warpAffine(grey, matrix, (_SIDE_PX, _SIDE_PX), borderMode=cv2.BORDER_REPLICATE).astype(np.float32).ravel()
    )
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)


def pairs(first: Faces, second: Faces) -> list[tuple[float, int, int]]:
    """Return (likeness of the surroundings, row, row) of faces that come from one photograph, most similar first."""
    (faces, rows), (others, numbers) = aligned(first, 5), aligned(second, 5)
    candidates = np.argwhere(faces @ others.T >= _MIN_FACE_LIKENESS)
    (around, _), (others_around, _) = aligned(first, 10), aligned(second, 10)
    likeness = [(float(around[i] @ others_around[j]), int(rows[i]), int(numbers[j])) for i, j in candidates]
    return sorted((hit for hit in likeness if hit[0] >= _MIN_SCENE_LIKENESS), reverse=True)


def clean(work: Path, source: str) -> Faces:
    """Return the stored faces of a source without those that are also in a test-only source."""
    faces = Faces.load(work / "crops" / f"{source}.npz")
    recorded = work / "leaks.json"
    leaks = json.loads(recorded.read_text("utf-8"))["rows"].get(source, []) if recorded.exists() else []
    return faces.take(np.setdiff1d(np.arange(len(faces)), leaks))


def main() -> None:
    """Write the leaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    work: Path = parser.parse_args().work
    files = {entry: work / "crops" / f"{entry.name}.npz" for entry in SOURCES}
    target = work / "leaks.json"
    if fresh(target, [path for path in files.values() if path.exists()], _MIN_FACE_LIKENESS, _MIN_SCENE_LIKENESS):
        return
    faces = {entry: Faces.load(path) for entry, path in files.items() if path.exists()}
    found = {
        f"{a.name} {b.name}": pairs(faces[a], faces[b])
        for a, b in itertools.combinations(faces, 2)
        if a.role is Role.TRAIN
    }
    tests = {entry.name for entry in faces if entry.role is Role.TEST}
    rows: dict[str, set[int]] = {entry.name: set() for entry in faces if entry.role is Role.TRAIN}
    for names, hits in found.items():
        trained, other = names.split()
        rows[trained] |= {row for _, row, _ in hits} if other in tests else set()
    target.write_text(
        json.dumps({"rows": {name: sorted(some) for name, some in rows.items()}, "pairs": found}) + "\n", "utf-8"
    )
    stamp(target, [path for path in files.values() if path.exists()], _MIN_FACE_LIKENESS, _MIN_SCENE_LIKENESS)


if __name__ == "__main__":
    main()
