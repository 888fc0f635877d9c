"""Distances between two histograms, and how large chance alone makes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[Any]

SIGMAS = 3.0
NO_CHANGE = 0.1
"""PSI below which two distributions count as the same. Source: Siddiqi, Credit Risk Scorecards, 2006."""
_HALF = 0.5
"""Added to every count, so that an empty bin makes no infinite distance (Jeffreys' prior)."""


def psi(actual: Counts, expected: Counts) -> float:
    """Return the population stability index of two histograms of counts; 0: the same shares.

    The sum of (a - e) ln(a / e) over the shares a and e of all bins that are in use.

    Source: Siddiqi, Credit Risk Scorecards, 2006; it is the sum of both Kullback-Leibler divergences (Kullback and
    Leibler, On Information and Sufficiency, 1951).
    """
    a, e = _shares(actual), _shares(expected)
    return float(((a - e) * np.log(a / e)).sum())


def ks(actual: Counts, expected: Counts) -> float:
    """Return the Kolmogorov-Smirnov distance of two histograms of counts, 0 to 1.

    The largest difference of the cumulative shares at the edges of the bins; at most that of the values themselves.

    Source: Kolmogorov, Sulla determinazione empirica di una legge di distribuzione, 1933; Smirnov 1939.
    """
    a, e = (counts.cumsum() / max(float(counts.sum()), 1.0) for counts in (actual, expected))
    return float(np.abs(a - e).max())


def larger_by_chance(chunk: float, baseline: float) -> float:
    """Return by what a baseline of few faces enlarges the PSI that chance alone makes; its root is that of KS.

    Of n faces against m, the PSI of equal distributions is about (1/n + 1/m) times a chi-squared number.

    Source: Yurdakul, Statistical Properties of Population Stability Index, 2018.
    """
    return 1 + chunk / max(baseline, 1.0)


def limit(mean: float, sigma: float, enlarged: float) -> float:
    """Return the largest distance that is still chance: `SIGMAS` above the mean of reference chunks."""
    return (mean + SIGMAS * sigma) * enlarged


def psi_limit(spread: tuple[float, float], chunk: float, baseline: float) -> float:
    """Return the largest PSI that is still chance; spread: mean and sigma of reference chunks.

    At least `NO_CHANGE`: chunks of a quantity that hardly ever varies would make a handful of faces a drift.
    """
    return max(limit(*spread, 1.0), NO_CHANGE) * larger_by_chance(chunk, baseline)


def ks_limit(spread: tuple[float, float], chunk: float, baseline: float) -> float:
    """Return the largest KS distance that is still chance; spread: mean and sigma of reference chunks."""
    return limit(*spread, math.sqrt(larger_by_chance(chunk, baseline)))


def _shares(counts: Counts) -> NDArray[np.float64]:
    smooth = counts.astype(np.float64) + _HALF
    shares: NDArray[np.float64] = smooth / smooth.sum()
    return shares
