"""What is observed of each classified face, and the fixed bins of its histograms."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.boxes import shorter_sides
from edge.data import APPEARANCE, CLASSES, Mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge.data import Faces, Floats, Image, Verdicts

_SIDE_PX = 120
"""The shorter side of the image that quarters are compared in."""
_LEAST_SEEN = 1 / 3
_NOISE = 4.0
"""Grey levels added to each quarter: at night all are near 0, and the noise of the sensor would decide."""
LABELS = (*CLASSES, Mask.UNSURE)
"""In the order of the bins of the quantity `label`."""

_GRID = 4
"""The image is divided into 4 x 4 places: a covered quarter then hides four of them."""

EDGES: dict[str, tuple[float, ...]] = {
    "face_px": (14, 17, 20, 24, 30, 38, 50, 70, 110),
    "brightness": (40, 60, 80, 100, 120, 140, 160, 180),
    "sharpness": (4, 7, 11, 16, 22, 30, 40, 55),
    "warmth": (-0.1, -0.03, 0.0, 0.03, 0.06, 0.1, 0.15, 0.2),
    "tint": (-0.08, -0.05, -0.03, -0.01, 0.0, 0.02, 0.05),
    "turn": (0.2, 0.3, 0.38, 0.42, 0.46, 0.5),
    "score": (0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "confidence": (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995),
    "label": tuple(place + 0.5 for place in range(len(LABELS) - 1)),
    "place": tuple(place + 0.5 for place in range(_GRID * _GRID - 1)),
    "quarter": (-1.5,),
}
"""The inner edges of the bins of each quantity; the first and the last bin are open.

turn: distance of the eyes in widths of the box, .45 from the front (`edge.evaluation.pose`).
quarter: how much darker the darkest quarter of the image is than the next one, in stops. It has two bins, since a place
always has about the same value, and more bins would make it unlike a reference of many places. Measured: 1 in 1,000
of the reference's faces is beyond, and 96 % of those in the same images with a quarter covered.
"""

QUANTITIES = tuple(EDGES)
UNORDERED = frozenset({"label", "place", "quarter"})
"""Quantities whose bins have no order, or are two, so that a cumulative distance of them shows nothing more."""
BINS = max(len(edges) for edges in EDGES.values()) + 1
"""Columns of a histogram; those that a quantity does not use stay 0."""
MISSING = 255
"""The bin of a value that was not measured; it is in no histogram."""

_LABEL_ROWS = {mask: row for row, mask in enumerate(LABELS)}


def observations(
    faces: Faces, verdicts: Verdicts, image: Image, paint: Callable[[Image], None] | None = None
) -> Floats:
    """Return float32 (N, len(QUANTITIES)) of N classified faces; NaN where something was not measured.

    faces: those that the N verdicts are about, in the same order.  image: theirs, uint8 (H, W, 3) BGR.
    paint: see `darkest_quarter`.
    """
    unknown = np.full((len(faces), 1), np.nan, np.float32)
    appearance = np.repeat(unknown, len(APPEARANCE), 1) if verdicts.appearance is None else verdicts.appearance
    columns = [
        shorter_sides(faces.boxes),
        *appearance.T,
        turns(faces),
        faces.scores,
        verdicts.confidences,
        [_LABEL_ROWS[mask] for mask in verdicts.masks],
        _places(faces.boxes, (image.shape[1], image.shape[0])),
        np.full(len(faces), darkest_quarter(image, paint) if len(faces) else np.nan),
    ]
    return np.stack([np.asarray(column, np.float32) for column in columns], 1)


def turns(faces: Faces) -> Floats:
    """Return the distance of the eyes in widths of the box, float32 (N,); NaN without landmarks."""
    if faces.landmarks is None:
        return np.full(len(faces), np.nan, np.float32)
    apart = np.linalg.norm(faces.landmarks[:, 1] - faces.landmarks[:, 0], axis=1)
    widths = np.maximum(faces.boxes[:, 2] - faces.boxes[:, 0], np.float32(1e-6))
    shares: Floats = (apart / widths).astype(np.float32)
    return shares


def _places(boxes: Floats, size_px: tuple[int, int]) -> Floats:
    """Return the place of the centre of each box in the grid, row by row."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / np.array(size_px, np.float32)
    cells = np.clip((centres * _GRID).astype(np.int64), 0, _GRID - 1)
    places: Floats = (cells[:, 1] * _GRID + cells[:, 0]).astype(np.float32)
    return places


def darkest_quarter(image: Image, paint: Callable[[Image], None] | None = None) -> float:
    """Return how much darker the darkest quarter of an image is than the next one, in stops (log2), at most 0.

    A covered lens makes one quarter dark; night, a dark sky and a failed lamp make two of them dark, or all.

    image: uint8 (H, W, 3) BGR.  paint: paints the privacy zones black over an image, in place; they are left out, and
    so is a quarter of which they leave less than a third. NaN: fewer than two are left.
    """
    step = max(1, min(image.shape[:2]) // _SIDE_PX)
    grey = cv2.cvtColor(np.ascontiguousarray(image[::step, ::step]), cv2.COLOR_BGR2GRAY)
    seen = np.full((*grey.shape, 3), 255, np.uint8)
    if paint:
        paint(seen)
    height, width = (side // 2 for side in grey.shape)
    halves = [(slice(None, height), slice(height, None)), (slice(None, width), slice(width, None))]
    quarters = [(grey[across], seen[across][..., 0] > 0) for across in product(*halves)]
    levels = sorted(float(part[open_].mean()) for part, open_ in quarters if open_.mean() >= _LEAST_SEEN)
    return math.log2((levels[0] + _NOISE) / (levels[1] + _NOISE)) if len(levels) > 1 else math.nan


def bins_of(values: Floats) -> NDArray[np.uint8]:
    """Return the bins of observations, uint8 (N, len(QUANTITIES)); `MISSING` for NaN."""
    columns = [np.searchsorted(EDGES[name], values[:, at], side="right") for at, name in enumerate(QUANTITIES)]
    bins = np.stack(columns, 1).astype(np.uint8)
    bins[np.isnan(values)] = MISSING
    return bins


def histograms(bins: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many rows are in each bin, int64 (len(QUANTITIES), BINS)."""
    return np.stack([np.bincount(column, minlength=MISSING + 1)[:BINS] for column in bins.T])
