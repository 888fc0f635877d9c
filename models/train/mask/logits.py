"""The logits of a network or of a model folder for stored faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from edge.classify.mask import contrast
from edge.tflite import Model
from models.train.mask.batches import as_tensor
from models.train.store import as_served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from models.train.mask.network import MaskNet

    Image = NDArray[np.uint8]
    Logits = NDArray[np.float32]


def of_net(net: MaskNet, images: list[Image]) -> Logits:
    """Return logits float32 (N, outputs) of a torch network for BGR crops as served."""
    torch.set_num_threads(1)  # on two busy cores two threads took 18 times as long as one
    net.eval()
    with torch.no_grad():
        parts = [
            net(torch.stack([as_tensor(i) for i in images[at : at + 64]])).numpy() for at in range(0, len(images), 64)
        ]
    return np.concatenate(parts) if parts else np.zeros((0, net.plan.outputs), np.float32)


def of_folder(folder: Path, images: list[Image]) -> Logits:
    """Return logits float32 (N, outputs) of the TFLite model in a folder for BGR crops as served."""
    model = Model(folder)
    return np.stack([model.run(image)[0].reshape(-1) for image in images]) if images else np.zeros((0, 3), np.float32)


def served(crops: NDArray[np.uint8], size_px: int, change: Callable[[Image], Image] | None = None) -> list[Image]:
    """Return stored crops as the product would crop them, each passed through `change` first."""
    return [as_served(crop if change is None else change(crop), size_px) for crop in crops]


def legibility(images: list[Image]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean brightness and contrast, as the product measures them, of BGR crops as served."""
    greys = [image.astype(np.float32) @ np.array([0.114, 0.587, 0.299], np.float32) for image in images]
    return np.array([g.mean() for g in greys]), np.array([contrast(np.round(g).astype(np.uint8)) for g in greys])
