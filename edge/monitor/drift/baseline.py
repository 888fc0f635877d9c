"""What windows are compared with: the place's own faces by hour of day once enough were seen, before that the model's.

A lens that is covered shows as faces that are missing from a part of the image, and a lamp that has failed as darker
faces than at this hour before. Where faces stand and how light it is at night is the place's own, so no reference of a
model can know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.monitor.drift.quantities import BINS, QUANTITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.monitor.drift.reference import Reference

    Counts = NDArray[np.float64]

HOURS = 24
_LEARNED = 900
"""Faces after which the place's own profile is used; fewer would add more noise to the comparison than they remove."""
_HOUR_LEARNED = 450
_MOST = 4_500.0
"""Faces of an hour after which older ones count less, so that seasons are followed."""
_NOT_OF_THE_MODEL = frozenset({"place"})
"""Quantities that mean nothing at another place."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The histogram of one quantity that a window is compared with, and how many faces it stands for."""

    counts: Counts
    faces: float


class Baseline:
    """Profiles of the place by hour of day: float32 (24, quantities, bins), 10 KB."""

    def __init__(self, reference: Reference, detector: str) -> None:
        """Start with nothing learned; detector: sha256 of the face model in force, whose scores the reference knows."""
        self._reference = reference
        self._foreign = _NOT_OF_THE_MODEL | (set() if detector == reference.detector else {"score"})
        self.hours = np.zeros((HOURS, len(QUANTITIES), BINS), np.float32)

    @property
    def learned(self) -> bool:
        """Whether the place's own profile is used."""
        return self.faces >= _LEARNED

    @property
    def faces(self) -> float:
        """Faces that were learned from."""
        return float(self._faces_by_hour.sum())

    @property
    def _faces_by_hour(self) -> NDArray[np.float32]:
        """Count by the labels, which every face has."""
        counts: NDArray[np.float32] = self.hours[:, QUANTITIES.index("label")].sum(1)
        return counts

    def expected(self, by_hour: NDArray[np.int64]) -> dict[str, Expected]:
        """Return what to expect of a window with this many faces in each hour of day, by quantity."""
        if not self.learned:
            return self._of_model()
        hours = by_hour / max(int(by_hour.sum()), 1)
        enough = self._faces_by_hour >= _HOUR_LEARNED
        profile, faces = self.hours.sum(0, dtype=np.float64) * hours[~enough].sum() / self.faces, self.faces
        for hour in np.flatnonzero(enough & (hours > 0)):
            of_hour = float(self._faces_by_hour[hour])
            profile = profile + self.hours[hour] * (hours[hour] / of_hour)
            faces = min(faces, of_hour / float(hours[hour]))
        return {name: Expected(row * faces, faces) for name, row in zip(QUANTITIES, profile, strict=True) if row.sum()}

    def reference(self) -> dict[str, Expected]:
        """Return the model's own profile, without what it does not know of this place."""
        return self._of_model()

    def adopt(self, hours: NDArray[np.float32]) -> None:
        """Take over what an earlier run has learned.

        Raises:
            ValueError: it has another shape, or is no histogram.
        """
        if hours.shape != self.hours.shape or hours.dtype != self.hours.dtype:
            raise ValueError(f"{hours.dtype} {hours.shape}, expected {self.hours.dtype} {self.hours.shape}")
        if not (np.isfinite(hours).all() and (hours >= 0).all()):
            raise ValueError("a count is negative or no number")
        self.hours[:] = hours

    def learn(self, histogram: NDArray[np.int64], by_hour: NDArray[np.int64], *, drifted: bool) -> None:
        """Learn from a window; from one that has drifted only what is not known yet, or drift would become the rule."""
        shares = by_hour / max(int(by_hour.sum()), 1)
        for hour in np.flatnonzero(by_hour):
            known = float(self._faces_by_hour[hour])
            if drifted and self.learned and known >= _HOUR_LEARNED:
                continue
            kept = max(0.0, 1 - max(0.0, known + float(by_hour[hour]) - _MOST) / max(known, 1.0))
            self.hours[hour] = self.hours[hour] * np.float32(kept) + (histogram * shares[hour]).astype(np.float32)

    def _of_model(self) -> dict[str, Expected]:
        names = [name for name in QUANTITIES if name not in self._foreign]
        counts = {name: self._reference.histogram(name) for name in names}
        return {name: Expected(_wide(row), float(row.sum())) for name, row in counts.items()}


def _wide(counts: Counts) -> Counts:
    """Return a histogram with as many columns as every other."""
    return np.pad(counts, (0, BINS - len(counts)))
