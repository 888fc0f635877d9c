"""A budget of processor time, kept by using every k-th opportunity only."""

from __future__ import annotations

import math

_WINDOW_S = 10.0
"""How often k is chosen anew."""
_MOST_EVERY = 10_000
_REMEMBERED = 16
"""Uses after which older ones count half, so that k follows a cost that changes."""


class Budget:
    """Chooses every k-th opportunity; k follows from how many there are, and from what the last ones have cost.

    every: k.  spent_s: processor time so far.
    """

    def __init__(self, share: float, at: float) -> None:
        """Spend at most `share` of one core from `at` on, seconds on a monotonic clock."""
        self._share = share
        self._began_at = self._window_at = at
        self._count = self._window_count = 0
        self._uses, self._cost_s = 0.0, 0.0
        self.every = 1
        self.spent_s = 0.0

    def spend(self, seconds: float) -> None:
        """Note processor time that was used."""
        self.spent_s += seconds
        self._cost_s += seconds

    def allows(self, at: float) -> bool:
        """Return whether to use the opportunity at `at`: each k-th, unless more was spent than the budget has had."""
        if at - self._window_at >= _WINDOW_S:
            self._adapt(at)
        self._count += 1
        if self._count % self.every or self.spent_s > self._share * (at - self._began_at):
            return False
        if not self._uses:
            self._cost_s = 0.0  # what was spent before the first use is no measure of it
        self._uses += 1
        return True

    def _adapt(self, at: float) -> None:
        """Choose the k that costs the budget's share, if things go on as they were."""
        rate_hz = (self._count - self._window_count) / (at - self._window_at)
        self._window_at, self._window_count = at, self._count
        if self._uses:
            cost_s = self._cost_s / self._uses
            self.every = min(max(1, math.ceil(rate_hz * cost_s / self._share)), _MOST_EVERY)
        if self._uses > _REMEMBERED:
            self._uses, self._cost_s = self._uses / 2, self._cost_s / 2
