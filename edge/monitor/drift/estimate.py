"""Accuracy without labels: how often the verdicts of a window are right, by their calibrated confidence.

CBPE, confidence-based performance estimation: a verdict of calibrated probability p is right with probability p, so the
expected number of right verdicts is the sum of all p, and its variance the sum of all p (1 - p). The same sums over
the probability that a face is bare give the expected true positives and false negatives.

It sees a place that has become harder only as far as the confidence falls; a model that errs with confidence is not
noticed (concept shift), and a calibration holds for faces like those it was fitted on.

Source: NannyML documentation, "Confidence-based Performance Estimation (CBPE)"; Kivimäki et al., Confidence-based
Estimators for Predictive Performance in Model Monitoring, 2024 (variance: Poisson binomial).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.data import Mask
from edge.monitor.drift.quantities import LABELS
from edge.monitor.drift.reference import CONFIDENCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge.data import Floats
    from edge.monitor.drift.reference import Calibration

    Sums = NDArray[np.float64]

_NINETY = 1.645
"""Standard deviations that hold 90 of 100 of a normal distribution."""
_WIDEST = 0.05
"""An interval that reaches further than this to both sides is no estimate."""
FIELDS = ("sure", "right", "right_variance", "bare", "hit", "hit_variance", "missed", "missed_variance")
"""The sums: sure verdicts, expected right ones; verdicts without_mask, expected bare ones; bare ones not called so."""
_BARE, _UNSURE = LABELS.index(Mask.WITHOUT_MASK), LABELS.index(Mask.UNSURE)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated share, and the interval that is to hold the true one in 90 of 100 windows."""

    share: float
    low: float
    high: float


class Calibrated:
    """Turns the verdicts of single faces into sums that windows add up."""

    def __init__(self, calibration: Calibration) -> None:
        """Lay the tables out as arrays float64 (labels, bins of confidence)."""
        self._right, self._bare = (
            np.array([table[mask.value] for mask in LABELS]) for table in (calibration.right, calibration.bare)
        )
        self._spread = calibration.spread

    def sums(self, labels: NDArray[np.int64], confidences: Floats) -> Sums:
        """Return the sums of N faces, float64 (len(FIELDS),); labels: places in `LABELS`."""
        cells = np.searchsorted(CONFIDENCES, confidences, side="right")
        right, bare = self._right[labels, cells], self._bare[labels, cells]
        sure, called = labels != _UNSURE, labels == _BARE
        right = right[sure]
        hit, missed = bare[called], bare[~called]
        parts = [right.sum(), (right * (1 - right)).sum(), called.sum()]
        parts += [each for p in (hit, missed) for each in (p.sum(), (p * (1 - p)).sum())]
        return np.array([sure.sum(), *parts], np.float64)

    def accuracy(self, sums: Sums) -> Estimate | None:
        """Return the share of right ones among the sure verdicts; None for too few."""
        values = dict(zip(FIELDS, sums.tolist(), strict=True))
        return _share(values["right"], values["right_variance"], values["sure"], self._spread)

    def precision(self, sums: Sums) -> Estimate | None:
        """Return the share of bare faces among those called without a mask; None for too few."""
        values = dict(zip(FIELDS, sums.tolist(), strict=True))
        return _share(values["hit"], values["hit_variance"], values["bare"], self._spread)

    def recall(self, sums: Sums) -> Estimate | None:
        """Return the share of bare faces that are called without a mask, unsure ones included; None for too few.

        Its variance is by the delta method on hits / (hits + misses), both of which vary independently.
        """
        values = dict(zip(FIELDS, sums.tolist(), strict=True))
        hit, missed = values["hit"], values["missed"]
        if (total := hit + missed) < 1:
            return None
        variance = (missed**2 * values["hit_variance"] + hit**2 * values["missed_variance"]) / total**4
        return _within(hit / total, math.sqrt(variance) * self._spread)


def _share(expected: float, variance: float, count: float, spread: float) -> Estimate | None:
    if count < 1:
        return None
    return _within(expected / count, math.sqrt(variance) / count * spread)


def _within(share: float, sigma: float) -> Estimate | None:
    reach = _NINETY * sigma
    if reach > _WIDEST:
        return None
    return Estimate(share, max(0.0, share - reach), min(1.0, share + reach))


def added(parts: Sequence[Sums]) -> Sums:
    """Return the sums of several windows."""
    total: Sums = np.sum([np.zeros(len(FIELDS)), *parts], axis=0)
    return total
