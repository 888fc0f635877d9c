"""Confidence sequences: bounds of a mean that hold at every number of values, so that more may be added at any time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BETS = (0.1, 0.2, 0.35, 0.6, 0.9)
"""Shares of the capital that are bet, each by a fifth of it; the best one is about mean / variance, see `bets_for`."""
_UNEQUAL = (0.03, 0.05, 0.08, 0.13, 0.2)
"""Shares of the faces on which two models may differ: .04 of 996 for masknet 1.2.0 and 1.3.0 on street scenes."""
_STEPS = 40
"""Bisections of (-1, 1): the bound is exact to 1e-12."""


def lower_bound(values: NDArray[Any], alpha: float, bets: tuple[float, ...] = _BETS) -> float:
    """Return what the mean is above, with a probability of 1 - `alpha` at all numbers of values together.

    Against a mean of at most m, a gambler stakes the share b of the capital on every value x. With y = x + 1 and
    m + 1 in place of x and m, the capital is multiplied by 1 + b (y / (m + 1) - 1), and is not expected to grow. So
    it ever exceeds 1 / alpha with a probability of at most alpha, and then the mean is above m. Several shares b
    each get an equal part. The order of the values has no influence: the bound is that of the values at the end.

    values: float (N,), -1 to 1, independent of each other, such as differences of two models on images.

    Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024, theorem 3 and
    section B.6 (a mixture of bets); Ville, Étude critique de la notion de collectif, 1939.
    """
    if not len(values):
        return -1.0
    distinct, counts = np.unique(values + 1.0, return_counts=True)
    low, high = 0.0, float(np.mean(values)) + 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        is_excluded = _log_capital(distinct, counts, middle, bets) >= -math.log(alpha)
        low, high = (middle, high) if is_excluded else (low, middle)
    return low - 1.0


def upper_bound(values: NDArray[Any], alpha: float, bets: tuple[float, ...] = _BETS) -> float:
    """Return what the mean is below, likewise."""
    return -lower_bound(-values, alpha, bets)


def bets_for(margin: float) -> tuple[float, ...]:
    """Return the bets that show soonest that a mean difference is above -`margin`, where there is none.

    The best bet on a difference with variance v is margin / (v + margin²). Source: ibid., section B.2 (Kelly's bet, to
    the second order).
    """
    return tuple(min(0.95, margin / (unequal + margin * margin)) for unequal in _UNEQUAL)


def fewest(margin: float) -> int:
    """Return from how many images on an equal model passes in nine of ten cases, if 1 of 25 verdicts differs.

    Found by simulation: 1,800 for .02 and 800 for .03; the variance of a mean makes it a square.
    """
    return math.ceil(0.72 / (margin * margin))


def _log_capital(values: NDArray[Any], counts: NDArray[Any], mean: float, bets: tuple[float, ...]) -> float:
    """Return the logarithm of the capital after distinct values, 0 to 2, each as often as it occurs."""
    if mean <= 0:
        return math.inf
    factors = 1 + np.array(bets)[:, None] * (values / mean - 1)
    logs = np.log(factors) @ counts
    return float(np.logaddexp.reduce(logs) - math.log(len(bets)))
