"""What two models of one kind made of the same crops or frames, as counts: agreement, unsure verdicts and time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.data import Mask
from edge.intervals import interval
from edge.monitor.conditions import LIGHTS, SIZES

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERDICTS = {"mask": tuple(mask.value for mask in Mask), "face": ("found", "missed")}
"""What a model of each kind can make of a face."""
MODELS = ("champion", "challenger")
_STEP = 1.2
_BINS = 64
"""Bins of time, each a fifth longer than the one before: from .05 ms to 5 s."""
_FIRST_MS = 0.05


class Comparison:
    """The counts of one pair of models; nothing in it is about one person.

    verdicts: int64 (sizes, lights, C, C), by the verdict of the champion, then by that of the challenger.
    times: int64 (2, bins), of both.  crashes: how often the challenger's process ended or hung.
    """

    def __init__(self, kind: str) -> None:
        """Start at 0."""
        self.kind = kind
        classes = len(VERDICTS[kind])
        self.verdicts: NDArray[Any] = np.zeros((len(SIZES), len(LIGHTS), classes, classes), np.int64)
        self.times: NDArray[Any] = np.zeros((len(MODELS), _BINS), np.int64)
        self.crashes = 0

    def add(self, champion: str, challenger: str, size: int, light: int) -> None:
        """Count the verdicts on one face; size, light: places in SIZES and LIGHTS."""
        names = VERDICTS[self.kind]
        self.verdicts[size, light, names.index(champion), names.index(challenger)] += 1

    def took(self, model: str, seconds: float) -> None:
        """Count the processor time that a model took for one crop or frame."""
        place = int(np.log(max(1e3 * seconds / _FIRST_MS, 1.0)) / np.log(_STEP))
        self.times[MODELS.index(model), min(place, _BINS - 1)] += 1

    @property
    def compared(self) -> int:
        """How many faces both have classified, or one has found."""
        return int(self.verdicts.sum())

    @property
    def agreed(self) -> int:
        """On how many of these they agree."""
        return int(np.trace(self.verdicts, axis1=2, axis2=3).sum())

    def share(self, verdict: str, model: str) -> dict[str, Any]:
        """Return the share of the faces that a model gave this verdict."""
        place = VERDICTS[self.kind].index(verdict)
        counts = self.verdicts.sum((0, 1, 3 if model == "champion" else 2))
        return as_share(int(counts[place]), self.compared)

    def agreement(self, size: int | None = None, light: int | None = None) -> dict[str, Any]:
        """Return the share of the faces of a size or a light, or of all, on which both agree."""
        here = self.verdicts[slice(None) if size is None else [size]]
        here = here[:, slice(None) if light is None else [light]]
        return as_share(int(np.trace(here, axis1=2, axis2=3).sum()), int(here.sum()))

    def median_ms(self, model: str) -> float | None:
        """Return the median processor time of a model, to a fifth; None where nothing was measured."""
        return self._quantile_ms(MODELS.index(model), 0.5)

    def body(self) -> dict[str, Any]:
        """Return the comparison as it is published."""
        return {
            "compared": self.compared,
            "agreement": self.agreement(),
            "by_size_px": {name: self.agreement(size=place) for place, name in enumerate(SIZES)},
            "by_light": {name: self.agreement(light=place) for place, name in enumerate(LIGHTS)},
            "disagreements": self._disagreements(),
            **({"unsure": {model: self.share("unsure", model) for model in MODELS}} if self.kind == "mask" else {}),
            "cpu_ms": {model: self._times(place) for place, model in enumerate(MODELS)},
            "crashes": self.crashes,
        }

    def _disagreements(self) -> list[dict[str, Any]]:
        """Return each kind of disagreement that has occurred, the most frequent first."""
        names, counts = VERDICTS[self.kind], self.verdicts.sum((0, 1))
        found = [
            {"champion": names[a], "challenger": names[b], "n": int(counts[a, b])}
            for a, b in np.argwhere(counts).tolist()
            if a != b
        ]
        return sorted(found, key=lambda one: -one["n"])

    def _times(self, model: int) -> dict[str, Any]:
        return {
            "p50": self._quantile_ms(model, 0.5),
            "p95": self._quantile_ms(model, 0.95),
            "n": int(self.times[model].sum()),
        }

    def _quantile_ms(self, model: int, share: float) -> float | None:
        seen = self.times[model].cumsum()
        if not seen[-1]:
            return None
        place = int(np.searchsorted(seen, share * seen[-1]))
        return float(round(_FIRST_MS * _STEP ** (place + 0.5), 3))

    def to_json(self) -> str:
        """Return all counts."""
        counts = {"verdicts": self.verdicts.tolist(), "times": self.times.tolist(), "crashes": self.crashes}
        return json.dumps({"kind": self.kind, **counts}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """Return the counts of `to_json`.

        Raises:
            ValueError: they are damaged, or of another version.
        """
        try:
            stated = json.loads(text)
            made = cls(stated["kind"])
            counts = {name: np.array(stated[name], np.int64) for name in ("verdicts", "times")}
            made.crashes = int(stated["crashes"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not as a comparison is kept: {error}") from error
        if counts["verdicts"].shape != made.verdicts.shape or counts["times"].shape != made.times.shape:
            raise ValueError("not as a comparison is kept: the counts have other shapes")
        made.verdicts, made.times = counts["verdicts"], counts["times"]
        return made


def as_share(hits: int, n: int) -> dict[str, Any]:
    """Return a share with its 95 % interval (Wilson's) and n; the value is None where n is 0."""
    low, high = interval(hits, n)
    return {"value": round(hits / n, 4) if n else None, "low": round(low, 4), "high": round(high, 4), "n": n}
