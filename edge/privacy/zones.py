"""Privacy zones: areas of the image that are painted over before anything else sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Floats, Image

_BLACK = (0, 0, 0)
_SHIFT = 4
"""Fractional bits of a corner's position, so that a zone matches in the large and the small image."""


class PrivacyZones:
    """Paints zones over images, in place; corners are shares of the sides, so the size of the image does not matter."""

    def __init__(self, zones: Sequence[str]) -> None:
        """Parse zones of `privacy.no_look`: corners "x,y" as shares of width and height, separated by blanks."""
        self._zones = [corners_of(zone) for zone in zones]

    def __call__(self, image: Image) -> None:
        """Paint the zones over an image, uint8 (H, W, 3) BGR, in place."""
        sides = np.array(image.shape[1::-1], np.float32)
        for corners in self._zones:
            points = np.round(corners * sides * (1 << _SHIFT)).astype(np.int32)
            cv2.fillPoly(image, [points], _BLACK, shift=_SHIFT)


def corners_of(zone: str) -> Floats:
    """Return the corners of a zone "x,y x,y x,y", float32 (N, 2), shares."""
    return np.array([[float(share) for share in corner.split(",")] for corner in zone.split()], np.float32)
