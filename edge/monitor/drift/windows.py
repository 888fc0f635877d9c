"""Rolling windows of faces in bounded memory, compared with their baseline after every block."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edge.monitor.drift.baseline import HOURS, Baseline
from edge.monitor.drift.causes import UNNAMED, causes, step
from edge.monitor.drift.distance import ks, ks_limit, psi, psi_limit
from edge.monitor.drift.estimate import FIELDS, Calibrated, added
from edge.monitor.drift.quantities import BINS, QUANTITIES, UNORDERED, bins_of, histograms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edge.data import Floats
    from edge.monitor.drift.baseline import Expected
    from edge.monitor.drift.reference import Reference

_BLOCKS = 3
"""Blocks in a window: it moves on by a third of its length."""
_IN_A_ROW = _BLOCKS + 1
"""A change counts once the same quantity has moved in as many windows, the first and last of which share no face."""
_UNNAMED_IN_A_ROW = 2 * _BLOCKS + 1
"""For longer if what has moved points to no cause: a third of the false alarms were such, and few of the right ones."""
_ESTIMATED = 4 * _BLOCKS
"""Blocks that accuracy is estimated on."""
_LEAST = 1e-6
"""A limit of 0, from a reference whose chunks are all alike, must not divide."""
KEPT = 60
"""Blocks for which figures are kept for the plot."""
_PASSING = 20
"""People for whom a quarter must be dark before it counts: a bus that stops in front of the camera is no cover."""
_LABEL, _CONFIDENCE, _QUARTER = (QUANTITIES.index(name) for name in ("label", "confidence", "quarter"))


@dataclass(frozen=True, slots=True)
class Moved:
    """How far one quantity lies from its baseline.

    psi, ks: the distances.  limit: the PSI that is still chance.  step: bins by which the mean lies higher.
    """

    psi: float
    ks: float
    limit: float
    ks_limit: float
    step: float
    ordered: bool

    @property
    def beyond(self) -> bool:
        """Whether it is more than chance: by PSI, or by KS where the bins have an order."""
        return self.ratio > 1

    @property
    def ratio(self) -> float:
        """The farther of both distances in units of its limit; KS only where the bins have an order."""
        cumulative = self.ks / max(self.ks_limit, _LEAST) if self.ordered else 0.0
        return max(self.psi / max(self.limit, _LEAST), cumulative)


@dataclass(slots=True)
class _Block:
    """Faces that were counted together."""

    faces: int = 0
    histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros((len(QUANTITIES), BINS), np.int64))
    by_hour: NDArray[np.int64] = field(default_factory=lambda: np.zeros(HOURS, np.int64))
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(FIELDS)))


class Windows:
    """Adds up faces to blocks, and compares each window of `Reference.chunk` faces."""

    def __init__(self, reference: Reference, detector: str) -> None:
        """Start with nothing seen; detector: sha256 of the face model in force."""
        self.reference = reference
        self.calibrated = Calibrated(reference.calibration)
        self.baseline = Baseline(reference, detector)
        self._block = _Block()
        self._blocks: deque[_Block] = deque(maxlen=_BLOCKS)
        self._sums: deque[NDArray[np.float64]] = deque(maxlen=_ESTIMATED)
        self._beyond: deque[dict[str, float]] = deque(maxlen=_UNNAMED_IN_A_ROW)
        self._quarters: Floats = np.zeros(_PASSING - 1, np.float32)
        self.moved: dict[str, Moved] = {}
        self.causes: tuple[str, ...] = ()
        self.unlike: tuple[str, ...] = ()
        self.count = 0
        self.history: deque[tuple[float, float]] = deque(maxlen=KEPT)
        """Of each window: the farthest quantity in units of its limit, and the estimated accuracy; NaN: none."""

    @property
    def faces(self) -> int:
        """Faces in the block that is not full yet."""
        return self._block.faces

    @property
    def sums(self) -> NDArray[np.float64]:
        """The sums that accuracy is estimated from: those of the last full blocks."""
        return added(self._sums)

    def add(self, values: Floats, hour: int) -> bool:
        """Count some faces, float32 (N, len(QUANTITIES)); return whether a block became full."""
        if not len(values):
            return False
        block, values = self._block, self._without_passing(values)
        block.faces += len(values)
        block.histogram += histograms(bins_of(values))
        block.by_hour[hour] += len(values)
        block.sums += self.calibrated.sums(values[:, _LABEL].astype(np.int64), values[:, _CONFIDENCE])
        if block.faces * _BLOCKS < self.reference.chunk:
            return False
        self._close()
        return True

    def _without_passing(self, values: Floats) -> Floats:
        """Return observations in which a quarter is only as dark as it was at best for the last `_PASSING` people."""
        quarters = np.concatenate([self._quarters, values[:, _QUARTER]])
        self._quarters = quarters[-len(self._quarters) :].copy()
        lasting = values.copy()
        lasting[:, _QUARTER] = np.lib.stride_tricks.sliding_window_view(quarters, _PASSING).max(1)
        return lasting

    def _close(self) -> None:
        """Compare the window that ends with this block, learn from the block that leaves it, and begin the next."""
        block, self._block = self._block, _Block()
        if len(self._blocks) == _BLOCKS:
            left = self._blocks[0]
            self.baseline.learn(left.histogram, left.by_hour, drifted=bool(self.causes))
        self._blocks.append(block)
        self._sums.append(block.sums)
        if len(self._blocks) == _BLOCKS:
            self._compare()

    def _compare(self) -> None:
        """Compare the window of the last blocks with what was expected of it."""
        histogram = np.sum([block.histogram for block in self._blocks], axis=0)
        by_hour = np.sum([block.by_hour for block in self._blocks], axis=0)
        self.moved = self._compared(histogram, self.baseline.expected(by_hour))
        self._beyond.append({name: moved.step for name, moved in self.moved.items() if moved.beyond})
        self.causes = causes(self._lasting(_IN_A_ROW))
        if self.causes == (UNNAMED,):
            self.causes = causes(self._lasting(_UNNAMED_IN_A_ROW))
        of_model = self._compared(histogram, self.baseline.reference()) if self.baseline.learned else self.moved
        self.unlike = causes({name: moved.step for name, moved in of_model.items() if moved.beyond})
        self.count += 1
        accuracy = self.calibrated.accuracy(self.sums)
        farthest = max((moved.ratio for moved in self.moved.values()), default=0.0)
        self.history.append((farthest, accuracy.share if accuracy else float("nan")))

    def _lasting(self, in_a_row: int) -> dict[str, float]:
        """Return the quantities that moved in each of the last windows, and the newest step of each."""
        if len(self._beyond) < in_a_row:
            return {}
        names = set.intersection(*(set(beyond) for beyond in list(self._beyond)[-in_a_row:]))
        return {name: self._beyond[-1][name] for name in QUANTITIES if name in names}

    def _compared(self, histogram: NDArray[np.int64], expected: Mapping[str, Expected]) -> dict[str, Moved]:
        """Return how far each quantity that was measured lies from what was expected."""
        rows = {name: histogram[at] for at, name in enumerate(QUANTITIES)}
        chunk = self.reference.chunk
        return {
            name: self._distance(name, rows[name], of) for name, of in expected.items() if rows[name].sum() >= chunk / 2
        }

    def _distance(self, name: str, actual: NDArray[np.int64], expected: Expected) -> Moved:
        bins = len(self.reference.quantities[name].counts)
        profile, row, counts = self.reference.quantities[name], actual[:bins], expected.counts[:bins]
        sizes = float(row.sum()), expected.faces
        return Moved(
            psi(row, counts),
            ks(row, counts),
            psi_limit(profile.psi, *sizes),
            ks_limit(profile.ks, *sizes),
            step(row, counts),
            name not in UNORDERED,
        )
