"""Confidence sequences: what they promise, counted, and the arithmetic of their bets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge.evaluation.sequence import bets_for, fewest, lower_bound, upper_bound


def differences(n, mean, unequal, rng):
    """Return n differences of two models, -1, 0 or 1, in `unequal` of which they differ."""
    chances = ((unequal - mean) / 2, 1 - unequal, (unequal + mean) / 2)
    return rng.choice((-1.0, 0.0, 1.0), n, p=chances)


def test_the_bound_is_below_the_mean_and_nearer_with_more_values():
    rng = np.random.default_rng(1)
    values = differences(4000, 0.01, 0.05, rng)
    bounds = [lower_bound(values[:n], 0.05) for n in (10, 100, 1000, 4000)]
    assert bounds == sorted(bounds)
    assert -0.02 < bounds[-1] < values.mean()


def test_the_upper_bound_mirrors_the_lower_one():
    values = np.array([0.5, -0.25, 0.0, 1.0])
    assert upper_bound(values, 0.05) == -lower_bound(-values, 0.05)


def test_without_values_nothing_is_known():
    assert lower_bound(np.zeros(0), 0.05) == -1
    assert upper_bound(np.zeros(0), 0.05) == 1


def test_a_single_bet_has_the_bound_that_its_capital_gives():
    """After n values 0, one bet b has (1 + b (1 / (1 + m) - 1)) ^ n; solved by hand for a capital of 20."""
    factor = 20 ** (1 / 100)
    by_hand = 1 / (1 + (factor - 1) / 0.5) - 1
    assert lower_bound(np.zeros(100), 0.05, (0.5,)) == pytest.approx(by_hand, abs=1e-9)


def test_the_order_of_the_values_has_no_influence():
    values = differences(500, 0.0, 0.1, np.random.default_rng(2))
    assert lower_bound(np.sort(values), 0.05) == lower_bound(values, 0.05)


@pytest.mark.parametrize("unequal", [0.02, 0.05, 0.3])
def test_looking_after_every_hundred_images_is_rarely_wrong(unequal):
    """The mean is -.02 exactly: it may be excluded in at most 5 of 100 sequences, at any of their twenty looks."""
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(60):
        values = differences(2000, -0.02, unequal, rng)
        wrong += any(lower_bound(values[:n], 0.05, bets_for(0.02)) > -0.02 for n in range(100, 2001, 100))
    assert wrong <= 6  # more than that in 60 has a probability of 4 %


def test_an_equal_model_passes_mostly_with_the_fewest_images():
    rng = np.random.default_rng(4)
    for margin in (0.02, 0.03, 0.05):
        drawn = [differences(fewest(margin), 0.0, 0.04, rng) for _ in range(40)]
        assert sum(lower_bound(values, 0.05, bets_for(margin)) > -margin for values in drawn) >= 30


def test_bets_leave_some_capital_whatever_comes():
    assert all(0 < bet < 1 for margin in (0.005, 0.02, 0.2) for bet in bets_for(margin))
    assert math.isfinite(lower_bound(np.full(1000, -1.0), 0.05, bets_for(0.02)))
