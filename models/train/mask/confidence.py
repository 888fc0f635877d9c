"""Calibrate a network's logits: temperature, the shift of the third class, the thresholds of `unsure` and `no_face`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge.classify.mask import softmax
from models.train.sources import NO_FACE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Logits = NDArray[np.float32]

_RESAMPLES = 200
_SEED = 1
_MAX_REJECTED = 0.002
"""Share of the left-out faces that may be rejected as no face: a tenth of those that the detector misses."""


def temperature(logits: Logits, labels: NDArray[np.int64]) -> float:
    """Return the temperature under which the labels are most likely (Guo et al., 2017), by golden-section search."""
    low, high = np.log(0.3), np.log(5.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        first, second = high - ratio * (high - low), low + ratio * (high - low)
        if _log_loss(logits, labels, np.exp(first)) < _log_loss(logits, labels, np.exp(second)):
            high = second
        else:
            low = first
    return float(np.exp((low + high) / 2))


def _log_loss(logits: Logits, labels: NDArray[np.int64], at: float) -> float:
    chosen = softmax((logits / at).astype(np.float32))[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-9)).mean())


def rare_shift(logits: Logits, labels: NDArray[np.int64]) -> float:
    """Return what to subtract from the logit of `incorrect_mask`, which is more frequent in training than in streets.

    The mean of the best steps over `_RESAMPLES` resamples of the faces: a few dozen of the third class decide, and
    without resampling the choice jumps between 0 and 1. Source: Breiman, "Bagging predictors", 1996.
    """
    rng = np.random.default_rng(_SEED)
    resamples = (rng.integers(0, len(labels), len(labels)) for _ in range(_RESAMPLES))
    return round(float(np.mean([_best_step(logits[rows], labels[rows]) for rows in resamples])), 2)


def _best_step(logits: Logits, labels: NDArray[np.int64]) -> float:
    """Return the step with the best mean recall of the classes among those that cost at most one point of accuracy.

    Accuracy alone would sacrifice the third class, which is rare, and mean recall alone the other two.
    """
    steps = np.arange(0, 2.01, 0.25)
    correct = [(logits - np.array([0, 0, step], np.float32)).argmax(1) == labels for step in steps]
    accuracy = np.array([c.mean() for c in correct])
    mean_recall = np.array([np.mean([c[labels == place].mean() for place in range(3)]) for c in correct])
    return float(steps[np.where(accuracy >= accuracy.max() - 0.01, mean_recall, 0).argmax()])


def no_face(logits: Logits, at: float) -> Logits:
    """Return the probability (N,) that what was found is no face, by logits (N, 4) at a temperature."""
    return softmax((logits / at).astype(np.float32))[:, NO_FACE]


def rejection(probabilities: Logits) -> float:
    """Return the probability of no face from which to reject, by those of faces (N,): it costs `_MAX_REJECTED` of them.

    At least one half: a lamp that is taken for a face costs less than a person who is not counted.
    """
    return round(max(0.5, float(np.quantile(probabilities, 1 - _MAX_REJECTED))), 3)


def coverage_curve(probabilities: Logits, labels: NDArray[np.int64]) -> list[tuple[float, float, float]]:
    """Return (threshold, coverage, error among the covered) for thresholds of confidence from .34 to .99."""
    confidence = probabilities.max(1)
    correct = probabilities.argmax(1) == labels
    curve = []
    for threshold in np.arange(0.34, 1.0, 0.01):
        covered = confidence >= threshold
        error = float(1 - correct[covered].mean()) if covered.any() else 0.0
        curve.append((float(threshold), float(covered.mean()), error))
    return curve
