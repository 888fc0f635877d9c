"""When a live camera is watched: always, or for a short sample at intervals, closed in between where that pays."""

from __future__ import annotations

import math

_CLOSE_S = 10.0
"""Interval from which the camera is closed between samples: opening a network camera takes up to 5 s."""
_WARM_UP_S = 1.0
"""Frames after an opening that are left out: a camera sets its exposure and white balance within about a second."""


class Sampling:
    """The samples of one camera on its monotonic clock, s."""

    def __init__(self, *, every_s: float, sample_s: float) -> None:
        """Begin a sample of `sample_s` every `every_s`; where that is no longer than the sample, never pause."""
        self._every_s, self._sample_s = every_s, sample_s
        self.is_continuous = every_s <= sample_s
        self.closes = not self.is_continuous and every_s >= _CLOSE_S
        self._begins_at = -math.inf

    def opened(self, at: float) -> None:
        """Note that the camera was opened: the next sample begins once it has warmed up."""
        if not self.is_continuous:
            self._begins_at = max(self._begins_at, at + _WARM_UP_S)

    def takes(self, at: float) -> bool:
        """Return whether a frame belongs to a sample; the first one after a sample plans the next."""
        if self.is_continuous:
            return True
        if at >= self._begins_at + self._sample_s:
            self._begins_at += self._every_s * max(1, math.ceil((at - self._begins_at) / self._every_s))
        return at >= self._begins_at

    def pause_s(self, at: float) -> float:
        """Return how long the camera may be closed, s; 0 where it is to stay open."""
        return max(0.0, self._begins_at - _WARM_UP_S - at) if self.closes else 0.0
