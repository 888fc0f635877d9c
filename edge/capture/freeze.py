"""Whether a camera makes progress: by what its pictures show, not by how many it hands out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge.data import Image

_STEP_PX = 5
"""Every fifth pixel both ways: a sensor's noise changes thousands of them, and 720p takes a tenth of a millisecond."""


class FreezeDetector:
    """Remembers the last picture that differed from the one before it."""

    def __init__(self) -> None:
        """Start with no picture."""
        self._sample: Image | None = None
        self._moved_at = float("-inf")

    def moved(self, image: Image, at: float) -> bool:
        """Return whether a picture differs from the one before it."""
        sample = np.ascontiguousarray(image[::_STEP_PX, ::_STEP_PX])
        if self._sample is not None and np.array_equal(sample, self._sample):
            return False
        self._sample, self._moved_at = sample, at
        return True

    def still_s(self, at: float) -> float:
        """Return for how long the picture has been the very same."""
        return at - self._moved_at
