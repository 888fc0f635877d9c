"""Positions in metres from the height of a face's box, with the interval that the spread of faces and boxes implies.

A pinhole camera of focal length f shows a face of height H at the distance z with the height h = f * H / z. All lengths
in an image are in image widths here, so that a smaller copy of the image gives the same result.
Source: Hartley and Zisserman, Multiple View Geometry in Computer Vision, 2004, section 6.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.data import Metres, Position

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.data import Box
    from edge.settings.schema import DistanceSettings

PEOPLE_ERROR = 0.068
"""Spread of adults' face heights, one standard deviation as a share of the mean.

Source: Zhuang and Bradtmiller, Head-and-face anthropometric survey of U.S. respirator users, 2005: menton-sellion
length 122.7 mm (7.0) of men, 113.4 mm (6.1) of women; both together 118 mm (8.0). Children's faces are smaller, so
their distance is overestimated."""
_BOX_ERROR = 0.045
_EDGE_ERROR_PX = 1.7
"""Spread of a box's height: a share, and pixels of the detector's input. Measured on 801 frontal faces, `live` against
`quality`: 5 % from 40 px of input height on, 6.6 % at 24 to 40 px, 11 % below."""
_BOWED_ERROR = 0.06
"""Additional error towards nearer only: a head bowed by 25 degrees is a tenth shorter (cosine), never taller."""
_SIGMAS = 1.96
"""Half the width of a normal distribution's middle 95 %, in standard deviations."""
_STEPS = np.linspace(-3, 3, 25)
_WEIGHTS = np.exp(-(_STEPS**2) / 2)
"""Steps of an error in standard deviations, and the weight of each."""


@dataclass(frozen=True, slots=True)
class RangeFinder:
    """A camera that measures.

    focal_widths: focal length in image widths.  focal_error: its error as a share (one standard deviation).
    face_height_m: of an adult as the detector boxes it.  input_width_px: width of the detector's input.
    """

    focal_widths: float
    focal_error: float
    face_height_m: float
    input_width_px: int

    def position(self, box: Box, size_px: tuple[int, int]) -> Position | None:
        """Return where the face in a box is; None where the border of the image cuts its height."""
        width_px, height_px = size_px
        x1, y1, x2, y2 = box
        if y1 < 1 or y2 > height_px - 1 or y2 - y1 < 1:
            return None
        tall = (y2 - y1) / width_px
        m_per_width = self.face_height_m / tall
        across, down = ((x1 + x2) - width_px) / 2 / width_px, ((y1 + y2) - height_px) / 2 / width_px
        place_m = (across * m_per_width, down * m_per_width, self.focal_widths * m_per_width)
        box_error = math.hypot(_BOX_ERROR, _EDGE_ERROR_PX / (tall * self.input_width_px))
        error = math.hypot(PEOPLE_ERROR, box_error)
        return Position(place_m, _distance(place_m, error, self.focal_error), error, self.focal_error)


def apart(one: Position, other: Position) -> Metres:
    """Return how far two faces of one camera are from each other.

    The interval comes from every error of both faces and of the camera, combined with every other. For two people side
    by side it is wider upwards: an error in depth can only increase the distance between them.
    """
    first, second = _spread(one), _spread(other)
    depth = np.array([1.0, 1.0, 0.0]) + np.array([0.0, 0.0, 1.0]) * np.exp(_STEPS * one.focal_error)[:, None]
    between = (first[:, None, None] - second[None, :, None]) * depth
    weights = _WEIGHTS[:, None, None] * _WEIGHTS[:, None] * _WEIGHTS
    low, high = _quantiles(np.linalg.norm(between, axis=3).ravel(), weights.ravel())
    return Metres(one.apart_m(other), low, high)


def range_finder_of(settings: DistanceSettings, input_width_px: int) -> RangeFinder:
    """Return the range finder of the settings: calibrated where `focal_widths` is set, else from `fov_deg`."""
    focal_widths = settings.focal_widths or focal_of(settings.fov_deg)
    return RangeFinder(focal_widths, settings.focal_error, settings.face_height_m, input_width_px)


def focal_of(fov_deg: float) -> float:
    """Return the focal length in image widths of a horizontal angle of view."""
    return 0.5 / math.tan(math.radians(fov_deg) / 2)


def fov_of(focal_widths: float) -> float:
    """Return the horizontal angle of view in degrees of a focal length in image widths."""
    return math.degrees(2 * math.atan(0.5 / focal_widths))


def _distance(place_m: tuple[float, float, float], error: float, focal_error: float) -> Metres:
    """Return how far a place is from the camera, in a straight line."""
    m = math.hypot(*place_m)
    low = math.hypot(error, _BOWED_ERROR, focal_error)
    high = math.hypot(error, focal_error)
    return Metres(m, m * math.exp(-_SIGMAS * low), m * math.exp(_SIGMAS * high))


def _spread(position: Position) -> NDArray[np.float64]:
    """Return where the face may be, (25, 3) m, one row for each of `_STEPS`."""
    errors = np.where(_STEPS < 0, math.hypot(position.error, _BOWED_ERROR), position.error)
    result: NDArray[np.float64] = np.array(position.place_m) * np.exp(_STEPS * errors)[:, None]
    return result


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Return the bounds of the middle 95 % of weighted values."""
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    low, high = np.interp((0.025, 0.975), shares, values[order])
    return float(low), float(high)
