"""The batches of training: sources, drawings and classes in fixed shares, each face augmented anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from models.train.leaks import clean
from models.train.mask.augment import Strength, augmented
from models.train.sources import SOURCES, Role, source
from models.train.store import Faces, concatenated

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHARES = {(0, True): 0.26, (0, False): 0.12, (1, True): 0.29, (1, False): 0.11, (2, True): 0.04, (2, False): 0.18}
"""Share of each (label, is an unchanged photograph) in a batch; False stands for drawings."""
_SCENES_WEIGHT = 1.6
"""Weight of faces from street scenes, for which the model is meant, relative to portraits."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """All faces to train on, and how often each is drawn: weights float64 (N,), sum 1."""

    faces: Faces
    weights: NDArray[np.float64]


def pool(work: Path, *, without: str = "") -> Pool:
    """Return the crops and drawings in `work`, without those of the source `without`."""
    parts = []
    factors = []
    names = [entry.name for entry in SOURCES if entry.role is Role.TRAIN and entry.name != without]
    for name in names:
        parts += [clean(work, name), Faces.load(work / "drawn" / f"{name}.npz")]
        factors += [np.full(len(part), _SCENES_WEIGHT if source(name).is_scenes else 1.0) for part in parts[-2:]]
    parts.append(Faces.load(work / "drawn" / "portraits.npz"))
    factors.append(np.ones(len(parts[-1])))
    faces = concatenated(parts)
    return Pool(faces, _weights(faces, np.concatenate(factors)))


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
