"""Simulate the gate: how often it promotes challengers that are as good, better and worse, drawn from labelled images.

    python -m benchmarks.gate DATASET... --cache gate.npz [--other MODEL]

The outcomes of the models that ship, the champion, are computed once and kept in the cache, with those of another
mask model, `--other`. A challenger is made of the champion by flips: as many as make the exact difference, on
top of those in which two models differ that are as good (CHURN, which is what masknet 1.2.0 and 1.3.0 differ in).
Faces on which the other model differs are flipped first, since models err on the same faces. Each simulation draws as
many images as the gate asks for, with replacement, and runs all its checks on labelled images.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import Progress

from edge import paths
from edge.evaluation.acceptance import Limits, on_labelled_images
from edge.evaluation.dataset import read_dataset
from edge.evaluation.paired import PairedFaces, pair
from edge.evaluation.sequence import fewest
from edge.stages import models_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHURN = 0.04
_OFTENER = 5
"""How much more likely a face is flipped on which the other model differs."""
SIMULATIONS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The champion's outcomes.  weight: float64 (F,), share of each face in the mean over images."""

    faces: PairedFaces
    weight: NDArray[Any]
    images: int

    @classmethod
    def of(cls, faces: PairedFaces) -> Pool:
        """Return the pool of these faces."""
        _, place, of_image = np.unique(faces.image, return_inverse=True, return_counts=True)
        return cls(faces, 1 / of_image[place] / len(of_image), len(of_image))


def collect(folders: list[Path], other: Path | None) -> PairedFaces:
    """Return the faces of all datasets, right by the models that ship, and by the other mask model."""
    face, mask = paths.models() / "face" / "quality", paths.models() / "mask"
    champion, second = models_of(face, mask), models_of(face, other or mask)
    with Progress() as progress:
        return _joined([pair(read_dataset(folder), champion, second, progress, print) for folder in folders])


def _joined(parts: list[PairedFaces]) -> PairedFaces:
    images = np.cumsum([0, *(part.image.max() + 1 for part in parts)])
    names = {name for part in parts for name in part.slices}
    return PairedFaces(
        np.concatenate([part.image + first for part, first in zip(parts, images, strict=False)]),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.correct for part in parts]),
        {
            name: np.concatenate([part.slices.get(name, np.zeros(len(part.label), bool)) for part in parts])
            for name in sorted(names)
        },
    )


def challenger(pool: Pool, difference: float, rng: np.random.Generator) -> PairedFaces:
    """Return the champion and a challenger that differs from it by exactly `difference`, to a face of a crowd."""
    right, others = pool.faces.correct.T
    correct = right.copy()
    early = np.where(right != others, 1 / _OFTENER, 1.0)
    worse, better = CHURN / 2 + max(-difference, 0), CHURN / 2 + max(difference, 0)
    for rows, share in ((np.flatnonzero(right), worse), (np.flatnonzero(~right), better)):
        ordered = rows[np.argsort(rng.random(len(rows)) * early[rows])]
        flipped = _first(ordered, pool.weight, share)
        correct[flipped] = ~correct[flipped]
    return replace(pool.faces, correct=np.stack([right, correct], 1))


def _first(rows: NDArray[Any], weight: NDArray[Any], share: float) -> NDArray[Any]:
    """Return the first rows whose weights sum to `share`, as closely as the smallest weights allow."""
    chosen, left = [], share
    for row in rows.tolist():
        if weight[row] <= left:
            chosen.append(row)
            left -= weight[row]
    return np.array(chosen, np.int64)


def sample(faces: PairedFaces, images: int, rng: np.random.Generator) -> PairedFaces:
    """Return the faces of so many images, drawn with replacement."""
    order = np.argsort(faces.image, kind="stable")
    first = np.searchsorted(faces.image[order], np.unique(faces.image))
    groups = np.split(order, first[1:])
    drawn = [groups[place] for place in rng.integers(len(groups), size=images)]
    rows = np.concatenate(drawn)
    image = np.repeat(np.arange(images), [len(group) for group in drawn])
    slices = {name: here[rows] for name, here in faces.slices.items()}
    return PairedFaces(image, faces.label[rows], faces.correct[rows], slices)


def promoted(pool: Pool, difference: float, limits: Limits) -> tuple[int, dict[str, int]]:
    """Return how many of SIMULATIONS challengers pass, and how many each check refuses."""
    passed, refused = 0, dict[str, int]()
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng((seed, round(1e6 * (difference + 1))))
        drawn = sample(challenger(pool, difference, rng), fewest(limits.margin), rng)
        findings = on_labelled_images(drawn, limits)
        passed += all(finding.passes for finding in findings)
        for finding in findings:
            refused[finding.check] = refused.get(finding.check, 0) + (not finding.passes)
    return passed, refused


def load(cache: Path) -> PairedFaces:
    """Return the faces of a cache."""
    kept = np.load(cache)
    slices = {name.removeprefix("slice "): kept[name] for name in kept.files if name.startswith("slice ")}
    return PairedFaces(kept["image"], kept["label"], kept["correct"], slices)


def keep(cache: Path, faces: PairedFaces) -> None:
    """Write the cache."""
    arrays = {"image": faces.image, "label": faces.label, "correct": faces.correct}
    arrays |= {f"slice {name}": here for name, here in faces.slices.items()}
    np.savez_compressed(cache, allow_pickle=False, **arrays)


def main() -> None:
    """Print a line for each kind of challenger."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--margin", type=float, default=Limits().margin)
    args = parser.parse_args()
    if not args.cache.exists():
        keep(args.cache, collect(args.datasets, args.other))
    faces = load(args.cache)
    limits = Limits(margin=args.margin)
    pool = Pool.of(faces)
    right, others = faces.correct.T
    print(
        f"{len(right)} faces in {pool.images} images, right {right.mean():.3f}, differ {(right != others).mean():.3f}"
    )
    print(f"margin {limits.margin:g}: {fewest(limits.margin)} images each, {SIMULATIONS} simulations each")
    _simulate(pool, limits)


def _simulate(pool: Pool, limits: Limits) -> None:
    for name, difference in {
        "equal": 0.0,
        "3 points better": 0.03,
        "worse by the margin": -limits.margin,
        "3 points worse": -0.03,
    }.items():
        passed, refused = promoted(pool, difference, limits)
        print(f"{name}: promoted {passed / SIMULATIONS:.1%}; refused by {refused}", flush=True)


if __name__ == "__main__":
    main()
