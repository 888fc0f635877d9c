"""The batches of training: sources, drawings and classes in fixed shares, each face augmented anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from models.train.geometry import FaceCamera
from models.train.leaks import clean
from models.train.mask.augment import Strength, augmented
from models.train.sources import BACKGROUNDS, NO_FACE, Role, cropped
from models.train.store import Faces, concatenated

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHARES = {
    (0, True): 0.25,
    (0, False): 0.11,
    (1, True): 0.27,
    (1, False): 0.12,
    (2, True): 0.03,
    (2, False): 0.17,
    (NO_FACE, True): 0.05,
}
"""Share of each (label, is an unchanged photograph) in a batch; False stands for drawings."""
_SCENES_WEIGHT = 1.6
"""Weight of faces from street scenes, for which the model is meant, relative to portraits."""
_POSED_WEIGHT = 4.0
"""Weight of turned and bent faces relative to others: in profile the first models were wrong most often."""
_TURNED = 0.42
_BENT = 0.16


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """All faces to train on, and how often each is drawn: weights float64 (N,), sum 1."""

    faces: Faces
    weights: NDArray[np.float64]


def pool(work: Path, *, without: str = "") -> Pool:
    """Return the crops, drawings and backgrounds in `work`, without those of the source `without`."""
    parts = []
    for entry in cropped(work):
        if entry.role is Role.TRAIN and entry.name != without:
            parts.append((clean(work, entry.name), entry.is_scenes))
            parts.append((Faces.load(work / "drawn" / f"{entry.name}.npz"), entry.is_scenes))
    parts.append((Faces.load(work / "drawn" / "portraits.npz"), False))
    of_no_face = [entry.name for entry in BACKGROUNDS if entry.name != without]
    parts += [(Faces.load(work / "backgrounds" / f"{name}.npz"), False) for name in of_no_face]
    factors = [
        np.where(posed(part), _POSED_WEIGHT, 1.0) * (_SCENES_WEIGHT if street else 1.0) for part, street in parts
    ]
    faces = concatenated([part for part, _ in parts])
    return Pool(faces, _weights(faces, np.concatenate(factors)))


def posed(faces: Faces) -> NDArray[np.bool_]:
    """Return for each face whether it is turned or bent, bool (N,); False where the landmarks are unknown."""
    known = np.isfinite(faces.landmarks).all((1, 2))
    result = np.zeros(len(faces), bool)
    for row in np.flatnonzero(known):
        camera = FaceCamera.fit(faces.landmarks[row].astype(np.float64))
        result[row] = abs(camera.turn) > _TURNED or abs(camera.bend) > _BENT
    return result


def _weights(faces: Faces, factors: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.zeros(len(faces))
    real = faces.kinds == "real"
    for (label, photographed), share in SHARES.items():
        rows = (faces.labels == label) & (real == photographed)
        weights[rows] = share * factors[rows] / factors[rows].sum() if rows.any() else 0.0
    return np.asarray(weights / weights.sum())


class Epoch(Dataset[tuple[torch.Tensor, int]]):
    """One epoch: `count` rows of a pool, each augmented with its own seed, so that the workers do not matter."""

    def __init__(self, source: Pool, *, count: int, size_px: int, seed: tuple[int, int], strength: Strength) -> None:
        self._faces = source.faces
        self._size_px = size_px
        self._seed = seed
        self._strength = strength
        self._rows = np.random.default_rng(seed).choice(len(source.faces), count, p=source.weights)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        row = self._rows[place]
        rng = np.random.default_rng((*self._seed, place))
        image = augmented(self._faces.crops[row], float(self._faces.face_px[row]), self._size_px, rng, self._strength)
        return as_tensor(image), int(self._faces.labels[row])


def as_tensor(image: NDArray[np.uint8]) -> torch.Tensor:
    """Return float32 (3, S, S), RGB 0..255, of uint8 (S, S, 3) BGR."""
    return torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))).float()


def loader(epoch: Epoch, batch: int) -> DataLoader[tuple[torch.Tensor, int]]:
    """Return the batches of an epoch, prepared by one worker process."""
    return DataLoader(
        epoch, batch_size=batch, num_workers=1, prefetch_factor=6, drop_last=True, worker_init_fn=_one_thread
    )


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
