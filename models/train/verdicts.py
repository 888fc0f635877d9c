"""What a network or a model folder says of stored faces, and what confidence to make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from edge.classify.mask import contrast, softmax
from edge.tflite import Model
from models.train.batches import as_tensor
from models.train.store import as_served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from models.train.network import MaskNet

    Image = NDArray[np.uint8]
    Logits = NDArray[np.float32]


def of_net(net: MaskNet, images: list[Image]) -> Logits:
    """Return logits float32 (N, 3) of a torch network for BGR crops as served."""
    torch.set_num_threads(1)  # on two busy cores two threads took 18 times longer than one
    net.eval()
    with torch.no_grad():
        parts = [
            net(torch.stack([as_tensor(i) for i in images[at : at + 64]])).numpy() for at in range(0, len(images), 64)
        ]
    return np.concatenate(parts) if parts else np.zeros((0, 3), np.float32)


def of_folder(folder: Path, images: list[Image]) -> Logits:
    """Return logits float32 (N, 3) of the TFLite model in a folder for BGR crops as served."""
    model = Model(folder)
    return np.stack([model.run(image)[0].reshape(-1) for image in images]) if images else np.zeros((0, 3), np.float32)


def served(crops: NDArray[np.uint8], size_px: int, change: Callable[[Image], Image] | None = None) -> list[Image]:
    """Return stored crops as the product would cut them, each passed through `change` first."""
    return [as_served(crop if change is None else change(crop), size_px) for crop in crops]


def temperature(logits: Logits, labels: NDArray[np.int64]) -> float:
    """Return the temperature under which the labels are most likely (Guo et al., 2017), by golden-section search."""
    low, high = np.log(0.3), np.log(5.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        first, second = high - ratio * (high - low), low + ratio * (high - low)
        if _surprise(logits, labels, np.exp(first)) < _surprise(logits, labels, np.exp(second)):
            high = second
        else:
            low = first
    return float(np.exp((low + high) / 2))


def _surprise(logits: Logits, labels: NDArray[np.int64], at: float) -> float:
    chosen = softmax((logits / at).astype(np.float32))[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-9)).mean())


def rare_shift(logits: Logits, labels: NDArray[np.int64]) -> float:
    """Return what to take off the logit of `incorrect_mask`, which is commoner in training batches than in the world.

    The step with the best mean recall of the three classes among those that cost at most a point of accuracy. By
    accuracy alone the third class would be given away wherever it is rare, and by mean recall alone the other two.
    """
    steps = np.arange(0, 2.01, 0.25)
    right = [(logits - np.array([0, 0, step], np.float32)).argmax(1) == labels for step in steps]
    accuracy = np.array([r.mean() for r in right])
    mean_recall = np.array([np.mean([r[labels == place].mean() for place in range(3)]) for r in right])
    return float(steps[np.where(accuracy >= accuracy.max() - 0.01, mean_recall, 0).argmax()])


def coverage_curve(probabilities: Logits, labels: NDArray[np.int64]) -> list[tuple[float, float, float]]:
    """Return (threshold, coverage, error among the judged) for thresholds of confidence from .34 to .99."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    curve = []
    for threshold in np.arange(0.34, 1.0, 0.01):
        judged = confidence >= threshold
        curve.append((float(threshold), float(judged.mean()), float(1 - right[judged].mean()) if judged.any() else 0.0))
    return curve


def legibility(images: list[Image]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean brightness and contrast, as the product measures them, of BGR crops as served."""
    greys = [image.astype(np.float32) @ np.array([0.114, 0.587, 0.299], np.float32) for image in images]
    return np.array([g.mean() for g in greys]), np.array([contrast(np.round(g).astype(np.uint8)) for g in greys])
