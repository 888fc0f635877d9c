"""Metres from the height of a face's box, with the interval that the spread of faces and boxes leaves open.

A face of height H stands as h in a picture of a pinhole camera of focal length f at z = f * H / h. All lengths in the
picture are counted in picture widths here, so that a shrunk picture measures the same.
Source: Hartley and Zisserman, Multiple View Geometry in Computer Vision, 2004, section 6.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.data import Box
    from edge.settings.schema import DistanceSettings

PEOPLE_ERROR = 0.068
"""Spread of adults' face heights, one standard deviation as a share of the mean.

Source: Zhuang and Bradtmiller, Head-and-face anthropometric survey of U.S. respirator users, 2005: menton-sellion
length 122.7 mm (7.0) of men, 113.4 mm (6.1) of women; both together 118 mm (8.0). Children's faces are smaller, so they
count as farther than they are."""
_BOX_ERROR = 0.045
_EDGE_ERROR_PX = 1.7
"""Spread of a box's height: a share, and pixels of the detector's input. Measured on 801 frontal faces, `live` against
`quality`: 5 % from 40 px of input height on, 6.6 % at 24 to 40 px, 11 % below."""
_BOWED_ERROR = 0.06
"""More error towards nearer only: a head bowed by 25 degrees looks a tenth shorter (cosine), never longer."""
_SIGMAS = 1.96
"""Half the width of a normal distribution's middle 95 %, in standard deviations."""
_STEPS = np.linspace(-3, 3, 25)
_WEIGHTS = np.exp(-(_STEPS**2) / 2)
"""Steps of an error in standard deviations, and how often each comes."""


@dataclass(frozen=True, slots=True)
class Metres:
    """A length in m, and the interval that holds it in 95 of 100 cases."""

    m: float
    low_m: float
    high_m: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a face is.

    position_m: right of, below and ahead of the camera, m.
    error: spread of the scale of all three, as a share (one standard deviation).
    """

    position_m: tuple[float, float, float]
    error: float


@dataclass(frozen=True, slots=True)
class RangeFinder:
    """A camera that measures.

    focal_widths: focal length in picture widths.  focal_error: its error as a share (one standard deviation).
    face_height_m: of an adult as the detector boxes it.  input_width_px: width of the detector's input.
    """

    focal_widths: float
    focal_error: float
    face_height_m: float
    input_width_px: int

    def place(self, box: Box, size_px: tuple[int, int]) -> Place | None:
        """Return where the face of a box is; None where the picture's border cuts its height."""
        width_px, height_px = size_px
        x1, y1, x2, y2 = box
        if y1 < 1 or y2 > height_px - 1 or y2 - y1 < 1:
            return None
        tall = (y2 - y1) / width_px
        metres_a_width = self.face_height_m / tall
        across, down = ((x1 + x2) - width_px) / 2 / width_px, ((y1 + y2) - height_px) / 2 / width_px
        position = (across * metres_a_width, down * metres_a_width, self.focal_widths * metres_a_width)
        box_error = math.hypot(_BOX_ERROR, _EDGE_ERROR_PX / (tall * self.input_width_px))
        return Place(position, math.hypot(PEOPLE_ERROR, box_error))

    def away(self, place: Place) -> Metres:
        """Return how far a face is from the camera, in a straight line."""
        m = math.hypot(*place.position_m)
        low = math.hypot(place.error, _BOWED_ERROR, self.focal_error)
        high = math.hypot(place.error, self.focal_error)
        return Metres(m, m * math.exp(-_SIGMAS * low), m * math.exp(_SIGMAS * high))

    def apart(self, one: Place, other: Place) -> Metres:
        """Return how far two faces are from each other.

        The interval is that of every error of both faces and of the camera tried with every other: for two that stand
        side by side it reaches upwards only, since an error in depth only ever takes them apart.
        """
        first, second = _spread(one), _spread(other)
        depth = np.array([1.0, 1.0, 0.0]) + np.array([0.0, 0.0, 1.0]) * np.exp(_STEPS * self.focal_error)[:, None]
        between = (first[:, None, None] - second[None, :, None]) * depth
        weights = _WEIGHTS[:, None, None] * _WEIGHTS[:, None] * _WEIGHTS
        low, high = _quantiles(np.linalg.norm(between, axis=3).ravel(), weights.ravel())
        return Metres(math.dist(one.position_m, other.position_m), low, high)


def range_finder_of(settings: DistanceSettings, input_width_px: int) -> RangeFinder:
    """Return the ruler that the settings describe: calibrated where `focal_widths` is set, else by `fov_deg`."""
    focal_widths = settings.focal_widths or focal_of(settings.fov_deg)
    return RangeFinder(focal_widths, settings.focal_error, settings.face_height_m, input_width_px)


def focal_of(fov_deg: float) -> float:
    """Return the focal length in picture widths of a horizontal angle of view."""
    return 0.5 / math.tan(math.radians(fov_deg) / 2)


def fov_of(focal_widths: float) -> float:
    """Return the horizontal angle of view in degrees of a focal length in picture widths."""
    return math.degrees(2 * math.atan(0.5 / focal_widths))


def _spread(place: Place) -> NDArray[np.float64]:
    """Return where the face may be, (25, 3) m, a row for each of `_STEPS`."""
    errors = np.where(_STEPS < 0, math.hypot(place.error, _BOWED_ERROR), place.error)
    result: NDArray[np.float64] = np.array(place.position_m) * np.exp(_STEPS * errors)[:, None]
    return result


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Return the borders of the middle 95 % of weighted values."""
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    low, high = np.interp((0.025, 0.975), shares, values[order])
    return float(low), float(high)
