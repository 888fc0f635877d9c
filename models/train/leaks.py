"""Find training faces that are also in a test-only source, by correlating aligned faces; leave them out of training.

    python -m models.train.leaks WORK

Reads WORK/crops/*.npz, writes WORK/leaks.json: {training source: [rows]} and the pairs, best first.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from models.train.likeness import aligned, symmetry
from models.train.sources import Role, cropped
from models.train.sources import source as named
from models.train.stamp import fresh, stamp
from models.train.store import Faces

_MIN_FACE_LIKENESS = 0.9
_MIN_SCENE_LIKENESS = 0.85
"""Chosen on contact sheets: masked faces of different people correlate up to 0.95 by the face alone, so the
surroundings must match as well."""
_MAX_SYMMETRY = 0.88
"""From here on, of 122 bare faces of `crops_techyhoney` about 55 are averages of faces, computer graphics or drawings,
by eye; the rest are frontal portraits, of which there are enough."""


def pairs(first: Faces, second: Faces) -> list[tuple[float, int, int]]:
    """Return (likeness of the surroundings, row, row) of faces that come from one photograph, most similar first."""
    (faces, rows), (others, numbers) = aligned(first, 5), aligned(second, 5)
    candidates = np.argwhere(faces @ others.T >= _MIN_FACE_LIKENESS)
    (around, _), (others_around, _) = aligned(first, 10), aligned(second, 10)
    likeness = [(float(around[i] @ others_around[j]), int(rows[i]), int(numbers[j])) for i, j in candidates]
    return sorted((hit for hit in likeness if hit[0] >= _MIN_SCENE_LIKENESS), reverse=True)


def clean(work: Path, source: str) -> Faces:
    """Return the stored faces of a source that are photographs, without those that are also in a test-only source."""
    faces = Faces.load(work / "crops" / f"{source}.npz")
    recorded = work / "leaks.json"
    leaks = json.loads(recorded.read_text("utf-8"))["rows"].get(source, []) if recorded.exists() else []
    averages = np.flatnonzero((faces.labels == 1) & (symmetry(faces) > _MAX_SYMMETRY)) if named(source).averages else []
    return faces.take(np.setdiff1d(np.arange(len(faces)), [*leaks, *averages]))


def main() -> None:
    """Write the leaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    work: Path = parser.parse_args().work
    files = {entry: work / "crops" / f"{entry.name}.npz" for entry in cropped(work)}
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
