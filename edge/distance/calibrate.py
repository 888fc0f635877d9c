"""The focal length from a person who stands at a known distance and looks into the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.distance.ranging import PEOPLE_ERROR, fov_of
from edge.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_SIGHTINGS = 10
_STANDING_M = 0.05
"""How exactly people stand at the distance: half a foot's length."""
_BIAS = 0.045
"""Error of a box that is the same in every frame of one face: taken from the spread between faces."""
_MAX_SCATTER = 0.10
"""Spread of the heights above which the person walked or nodded."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A measured focal length in image widths, its error as a share, scatter of the boxes, faces seen."""

    focal_widths: float
    focal_error: float
    scatter: float
    sightings: int

    @property
    def fov_deg(self) -> tuple[float, float, float]:
        """The horizontal angle of view, and the borders of its 95 % interval, in degrees."""
        stretch = math.exp(1.96 * self.focal_error)
        return fov_of(self.focal_widths), fov_of(self.focal_widths * stretch), fov_of(self.focal_widths / stretch)


def calibrate(heights: Sequence[float], *, at_m: float, face_height_m: float) -> Calibration:
    """Return the focal length at which faces of `heights`, in image widths, are `at_m` away.

    Raises:
        Unavailable: too few faces were seen, or their size changed, so the person did not stand still.
    """
    if len(heights) < MIN_SIGHTINGS:
        raise Unavailable(
            f"a face was seen in {len(heights)} images, {MIN_SIGHTINGS} are needed; fix: stand alone, {at_m:g} m in "
            "front of the camera, face it, without a mask, in good light"
        )
    tall = float(np.median(heights))
    scatter = 1.4826 * float(np.median(np.abs(np.asarray(heights) - tall))) / tall
    if scatter > _MAX_SCATTER:
        raise Unavailable(f"the face changed its size by {scatter:.0%}; fix: stand still and look into the camera")
    error = math.hypot(PEOPLE_ERROR, _BIAS, scatter / math.sqrt(len(heights)), _STANDING_M / at_m)
    return Calibration(at_m * tall / face_height_m, error, scatter, len(heights))
