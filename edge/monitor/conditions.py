"""The conditions under which models are compared: the size of a face in the image, and the light on it."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from edge.data import Image

SIZES_PX = ((16, 24), (24, 40), (40, 80), (80, 1_000_000_000))
"""Of the shorter side of a face's box; a smaller face counts as one of the first."""
SIZES = tuple(f"{low}-{high if high < SIZES_PX[-1][1] else ''}" for low, high in SIZES_PX)
LIGHTS = ("dark", "medium", "bright")
_BRIGHTER = (80.0, 130.0)
"""Mean grey levels of a face, 0 to 255: a tenth of the faces of street scenes are below the first, half of them below
the second (3,709 faces of two sources)."""


def size_of(side_px: float) -> int:
    """Return the place in SIZES of a face with this shorter side."""
    return max(0, bisect_right([low for low, _ in SIZES_PX], side_px) - 1)


def light_of(face: Image) -> int:
    """Return the place in LIGHTS of the image of a face, uint8 (H, W, 3) BGR."""
    return bisect_right(_BRIGHTER, float(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY).mean()))
