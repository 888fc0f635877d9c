"""The budget: what is spent stays below its share, whatever a job costs."""

from __future__ import annotations

import math

import pytest

from edge.monitor.budget import Budget


def spent(share, cost_s, rate_hz, seconds):
    """Return the share of the time that was spent in the end, and k, with so many opportunities per second."""
    budget, at = Budget(share, 0.0), 0.0
    while at < seconds:
        if budget.allows(at):
            budget.spend(cost_s)
        at += 1 / rate_hz
    return budget.spent_s / seconds, budget.every


@pytest.mark.parametrize(("cost_s", "rate_hz"), [(0.002, 30), (0.02, 10), (0.2, 10), (2.0, 10)])
def test_it_spends_nearly_its_share_and_no_more(cost_s, rate_hz):
    used, every = spent(0.05, cost_s, rate_hz, 2000)
    assert 0.03 < used <= 0.05 + cost_s / 2000
    assert every == pytest.approx(math.ceil(cost_s * rate_hz / 0.05), abs=1)


def test_a_cheap_challenger_gets_everything():
    assert spent(0.05, 0.0001, 10, 200) == (pytest.approx(0.001, rel=0.02), 1)


def test_what_the_start_cost_is_paid_before_anything_else():
    budget = Budget(0.05, 0.0)
    budget.spend(1.0)
    assert [budget.allows(at) for at in (5.0, 9.9, 19.0)] == [False, False, False]
    assert any(budget.allows(20.5 + n) for n in range(60))


def test_when_it_costs_less_again_k_falls_again():
    budget = Budget(0.05, 0.0)
    for n in range(3000):
        if budget.allows(n / 10):
            budget.spend(0.5)
    assert budget.every > 50
    before = budget.every
    for n in range(3000, 40_000):
        if budget.allows(n / 10):
            budget.spend(0.001)
    assert budget.every < before / 10
