"""Which cause the quantities that moved point to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

CAUSES = (
    "part of the lens covered",
    "darker images",
    "brighter images",
    "blurred images",
    "colour cast",
    "smaller faces",
    "larger faces",
    "another mix of people",
    "other poses",
    "other faces or another model behaviour",
)
"""In this order: what explains the most is first."""
UNNAMED = CAUSES[-1]

_BY_DIRECTION = {
    ("brightness", -1): "darker images",
    ("brightness", 1): "brighter images",
    ("sharpness", -1): "blurred images",
    ("face_px", -1): "smaller faces",
    ("face_px", 1): "larger faces",
}
_EITHER_WAY = {
    "place": "part of the lens covered",
    "quarter": "part of the lens covered",
    "warmth": "colour cast",
    "tint": "colour cast",
    "label": "another mix of people",
    "turn": "other poses",
}
_EXPLAINED = {
    "brightness": frozenset({"quarter"}),
    "sharpness": frozenset({"brightness", "face_px"}),
    "label": frozenset({"brightness", "sharpness", "warmth", "tint", "face_px"}),
    "place": frozenset({"label"}),
    "turn": frozenset({"brightness", "sharpness", "face_px", "label"}),
}
"""Where one of these has moved, it explains the quantity: dark or small faces have less contrast, and a model errs more
in bad light, which resembles another mix of people. Other people also stand elsewhere. Faces in a covered quarter are
dark."""


def causes(moved: Mapping[str, float]) -> tuple[str, ...]:
    """Return the causes of what moved, in the order of CAUSES; by quantity, less than 0: to lower values."""
    found = {_cause(name, step) for name, step in moved.items() if not _EXPLAINED.get(name, frozenset()) & set(moved)}
    known = found - {""}
    if moved and not known:
        return (UNNAMED,)
    return tuple(cause for cause in CAUSES if cause in known)


def _cause(name: str, step: float) -> str:
    return _EITHER_WAY.get(name) or _BY_DIRECTION.get((name, 1 if step > 0 else -1), "")


def step(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return how many bins the mean of one histogram lies above that of another."""
    places = np.arange(len(actual))
    means = [float((counts * places).sum() / max(float(counts.sum()), 1e-9)) for counts in (actual, expected)]
    return means[0] - means[1]
