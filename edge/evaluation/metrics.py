"""Figures on faces found and classified, with their intervals; weights of images make resampling cheap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.evaluation.dataset import LABELS
from edge.evaluation.matching import UNSURE, VERDICTS
from edge.intervals import Z, interval
from edge.monitor.conditions import SIZES, SIZES_PX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from edge.evaluation.matching import Outcomes

    Share = Callable[[Outcomes], tuple[NDArray[Any], NDArray[Any]]]

_BARE = LABELS.index("without_mask")
_RESAMPLES = 1000
_SEED = 1


def correct(o: Outcomes) -> NDArray[Any]:
    """Return where a labelled face was found and classified correctly, bool (N,)."""
    return np.asarray(o.real & (o.verdict == o.label))


def _recall(label: int) -> Share:
    return lambda o: (correct(o), o.label == label)


SHARES: dict[str, Share] = {
    "face_recall": lambda o: (o.found, o.real),
    "unmasked_recall": _recall(_BARE),
    "unmasked_precision": lambda o: (correct(o), (o.verdict == _BARE)),
    "unmasked_precision_lenient": lambda o: (o.real & (o.label != 0), o.verdict == _BARE),
    "accuracy_3class_on_judged": lambda o: (correct(o), o.real & (o.verdict < UNSURE)),
    "right_end_to_end": lambda o: (correct(o), o.real),
    **{f"recall_{label}": _recall(place) for place, label in enumerate(LABELS)},
    "unsure_share": lambda o: (o.verdict == UNSURE, o.real),
}
"""Each figure as (what is counted, of what), both bool (N,). `lenient`: a mask worn incorrectly may be called none."""


def share(name: str, o: Outcomes, weights: NDArray[Any] | None = None) -> float:
    """Return one of SHARES; weights: float64 (N,), how often each face counts. 0 of 0 is NaN."""
    hit, of = SHARES[name](o)
    w = np.ones(len(o)) if weights is None else weights
    total = float(w[of].sum())
    return float(w[of & hit].sum()) / total if total else math.nan


def average_precision(o: Outcomes, weights: NDArray[Any] | None = None) -> float:
    """Return the average precision of the faces found, all points interpolated.

    Source: Everingham et al., The Pascal visual object classes challenge: a retrospective, 2015, section 4.2 of the
    development kit of 2010.
    """
    w = np.ones(len(o)) if weights is None else weights
    faces = float(w[o.real].sum())
    rows = np.flatnonzero(o.found)
    if not len(rows) or not faces:
        return 0.0
    rows = rows[np.argsort(-o.score[rows], kind="stable")]
    hits = (w[rows] * o.real[rows]).cumsum()
    seen = w[rows].cumsum()
    precision = np.maximum.accumulate((hits / np.maximum(seen, 1e-9))[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate([[0.0], hits / faces])) * precision))


def false_faces_per_image(o: Outcomes, images: int, weights: NDArray[Any] | None = None) -> float:
    """Return how many faces were found where none is labelled, per image."""
    w = np.ones(len(o)) if weights is None else weights
    return float(w[~o.real].sum()) / max(images, 1)


def bare_false_faces_per_image(o: Outcomes, images: int) -> float:
    """Return how many faces were found where none is labelled and classified as `without_mask`, per image."""
    return float((~o.real & (o.verdict == _BARE)).sum()) / max(images, 1)


def rate_interval(count: int, units: float) -> tuple[float, float, float]:
    """Return events per unit, such as an hour, and the 95 % interval of this rate.

    Source: Breslow and Day, Statistical methods in cancer research II, 1987, page 69 (Byar's approximation).
    """
    if not units:
        return math.nan, 0.0, math.inf
    low = count * (1 - 1 / (9 * count) - Z / (3 * math.sqrt(count))) ** 3 if count else 0.0
    more = count + 1
    high = more * (1 - 1 / (9 * more) + Z / (3 * math.sqrt(more))) ** 3
    return count / units, max(low, 0.0) / units, high / units


def resampled(statistic: Callable[[NDArray[Any]], float], images: int) -> tuple[float, float]:
    """Return the 95 % interval of a statistic that takes how often each image counts, float64 (images,); seeded.

    Whole images are resampled, since the faces of one image are alike.
    Source: Efron and Tibshirani, An introduction to the bootstrap, 1993, chapter 13 (percentiles).
    """
    rng = np.random.default_rng(_SEED)
    even = np.full(images, 1 / images)
    drawn = np.array([statistic(rng.multinomial(images, even).astype(np.float64)) for _ in range(_RESAMPLES)])
    if np.isnan(drawn).all():
        return math.nan, math.nan
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def calibration_error(confidences: NDArray[Any], is_correct: NDArray[Any], bins: int = 15) -> float:
    """Return the expected calibration error over equal bins of confidence.

    Source: Guo et al., On calibration of modern neural networks, 2017, section 2.
    """
    gaps = [abs(confidence - part) * n for confidence, part, n in reliability(confidences, is_correct, bins)]
    return float(sum(gaps)) / max(len(confidences), 1)


def reliability(confidences: NDArray[Any], is_correct: NDArray[Any], bins: int = 10) -> list[tuple[float, float, int]]:
    """Return (mean confidence, share classified correctly, n) of each bin that is not empty."""
    place = np.minimum((confidences * bins).astype(int), bins - 1)
    filled = [place == number for number in range(bins) if (place == number).any()]
    return [(float(confidences[b].mean()), float(is_correct[b].mean()), int(b.sum())) for b in filled]


def confusion(o: Outcomes) -> dict[str, dict[str, int]]:
    """Return how many faces of each label (rows) got each verdict, "unsure" and "missed" among them."""
    return {
        label: {name: int(((o.label == row) & (o.verdict == column)).sum()) for column, name in enumerate(VERDICTS)}
        for row, label in enumerate(LABELS)
    }


def by_size(o: Outcomes) -> dict[str, dict[str, Any]]:
    """Return the figures of `part` for each range of the shorter side in px."""
    return {
        name: part(o, (o.side_px >= low) & (o.side_px < high))
        for name, (low, high) in zip(SIZES, SIZES_PX, strict=True)
    }


def by_group(o: Outcomes, groups: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, Any]]:
    """Return the figures of `part` for each group of labelled faces, bool (F,), F all labelled faces of the dataset."""
    labelled = o.take(np.flatnonzero(o.real))
    return {name: part(labelled, of[labelled.face]) for name, of in groups.items()}


def part(o: Outcomes, here: NDArray[Any]) -> dict[str, Any]:
    """Return how many labelled faces of a part, bool (N,), there are, how many were found, and classified correctly."""
    faces = o.take(np.flatnonzero(o.real & here))
    counts = {"faces": faces.real, "found": faces.found, "judged_right": correct(faces)}
    shares = {"face_recall": "face_recall", "right": "right_end_to_end", "unmasked_recall": "unmasked_recall"}
    return {key: int(hits.sum()) for key, hits in counts.items()} | {
        key: with_interval(name, faces) for key, name in shares.items()
    }


def with_interval(name: str, o: Outcomes) -> dict[str, Any]:
    """Return the value of one of SHARES, its 95 % interval and its denominator n; the value is None where n is 0."""
    hit, of = SHARES[name](o)
    n = int(of.sum())
    hits = int((of & hit).sum())
    low, high = interval(hits, n)
    return {"value": round(hits / n, 4) if n else None, "low": round(low, 4), "high": round(high, 4), "n": n}
