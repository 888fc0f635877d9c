"""Areas that nobody looks at: painted over in the pixels before anything else sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Floats, Image

_INK = (0, 0, 0)
_SHIFT = 4
"""Bits of a pixel's fraction in corners, so that a zone lies alike in the large and the small picture."""


class PrivacyZones:
    """Paints zones over pictures, in place; a picture of any size has them at the same shares of its sides."""

    def __init__(self, zones: Sequence[str]) -> None:
        """Take zones as `privacy.no_look` has them: corners "x,y", shares of width and height, with blanks between."""
        self._zones = [corners_of(zone) for zone in zones]

    def __call__(self, image: Image) -> None:
        """Paint over a picture, uint8 (H, W, 3) BGR, in place."""
        sides = np.array(image.shape[1::-1], np.float32)
        for corners in self._zones:
            points = np.round(corners * sides * (1 << _SHIFT)).astype(np.int32)
            cv2.fillPoly(image, [points], _INK, shift=_SHIFT)


def corners_of(zone: str) -> Floats:
    """Return the corners of a zone "x,y x,y x,y", float32 (N, 2), shares."""
    return np.array([[float(share) for share in corner.split(",")] for corner in zone.split()], np.float32)
