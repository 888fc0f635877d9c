"""Detection of a frozen camera, by the content of its images instead of their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge.data import Image

_STEP_PX = 5
"""Every fifth pixel both ways: sensor noise changes thousands of them, and 720p takes 0.1 ms."""


class FreezeDetector:
    """Remembers when an image last differed from the one before it."""

    def __init__(self) -> None:
        """Start without an image."""
        self._sample: Image | None = None
        self._changed_at = float("-inf")

    def changed(self, image: Image, at: float) -> bool:
        """Return whether an image differs from the one before it."""
        sample = np.ascontiguousarray(image[::_STEP_PX, ::_STEP_PX])
        if self._sample is not None and np.array_equal(sample, self._sample):
            return False
        self._sample = sample
        self._changed_at = at
        return True

    def unchanged_s(self, at: float) -> float:
        """Return how long the images have been identical, s."""
        return at - self._changed_at
