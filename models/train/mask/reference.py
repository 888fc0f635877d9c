"""Write the reference profile that drift is measured against, into the folder of the mask model.

    python -m models.train.mask.reference PICTURES WORK [--mask models/mask] [--face models/face/live] [--most 900]

The product observes the faces of every source that may be trained on. Confidence is calibrated on the predictions of
networks for the sources left out of their training (WORK/leave_one_out.npz), where that file is of this model's
training; else on what the model itself makes of the sources, which flatters it on other places. Test sets are not used.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.classify.mask import label, softmax
from edge.monitor.drift.distance import ks, psi
from edge.monitor.drift.estimate import Calibrated
from edge.monitor.drift.quantities import EDGES, LABELS, QUANTITIES, bins_of, histograms
from edge.monitor.drift.reference import CONFIDENCES, FILE, Calibration, Reference
from edge.stages import models_of
from edge.tflite import read_spec
from models.train.mask.observed import UNLABELLED, Observed, joined, observe
from models.train.sources import SOURCES, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CHUNK = 150
_CHUNKS = 2000
_ESTIMATED = 4 * CHUNK
_LABEL, _CONFIDENCE = QUANTITIES.index("label"), QUANTITIES.index("confidence")
_PRIOR = 4.0
"""Faces that a bin of confidence has before any is counted, right as often as it is confident: a bin of few faces."""


def chunks(observed: Observed, faces: int, number: int, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of random chunks, by whole images: the faces of one image are alike.

    faces: of each chunk, the last image being cut.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(observed.images, kind="stable")
    starts = np.flatnonzero(np.diff(observed.images[order], prepend=-1))
    groups = np.split(order, starts[1:])
    for _ in range(number):
        picked: list[NDArray[np.int64]] = []
        while sum(map(len, picked)) < faces:
            picked.append(groups[int(rng.integers(len(groups)))])
        yield np.concatenate(picked)[:faces]


def profiles(observed: Observed) -> dict[str, dict[str, Any]]:
    """Return the histogram of each quantity, with mean and sigma of PSI and KS of chunks against all."""
    bins = bins_of(observed.values)
    whole = histograms(bins)
    rows = [histograms(bins[chunk]) for chunk in chunks(observed, CHUNK, _CHUNKS)]
    return {name: _profile(EDGES[name], whole[at], [row[at] for row in rows]) for at, name in enumerate(QUANTITIES)}


def _profile(edges: tuple[float, ...], whole: NDArray[np.int64], rows: list[NDArray[np.int64]]) -> dict[str, Any]:
    used = len(edges) + 1
    found = {}
    for name, distance in (("psi", psi), ("ks", ks)):
        distances = np.array([distance(row[:used], whole[:used]) for row in rows])
        found[name] = [round(float(distances.mean()), 5), round(float(distances.std()), 5)]
    return {"edges": edges, "counts": whole[:used].tolist(), **found}


def calibration(
    labels: NDArray[np.int64], given: NDArray[np.int64], confidences: NDArray[np.float32]
) -> dict[str, Any]:
    """Return how often verdicts are right, and faces bare, by label and confidence; it never falls with confidence.

    labels: true ones.  given: places of the verdicts in `LABELS`.
    """
    cells = np.searchsorted(CONFIDENCES, confidences, side="right")
    right: dict[str, list[float]] = {}
    bare: dict[str, list[float]] = {}
    for place, mask in enumerate(LABELS):
        of = given == place
        rising = place == 1
        right[mask.value] = _table(cells[of], labels[of] == place, rising=True)
        bare[mask.value] = _table(cells[of], labels[of] == 1, rising=rising)
    return {"right": right, "bare": bare}


def _table(cells: NDArray[np.int64], hits: NDArray[np.bool_], *, rising: bool) -> list[float]:
    """Return the share of hits by bin of confidence, monotone, smoothed by a few faces of the overall share."""
    bins = len(CONFIDENCES) + 1
    share = (float(hits.sum()) + 1) / (len(hits) + 2)
    count = np.bincount(cells, minlength=bins) + _PRIOR
    hit = np.bincount(cells, weights=hits, minlength=bins) + _PRIOR * share
    order = slice(None) if rising else slice(None, None, -1)
    return [round(float(each), 5) for each in monotone((hit / count)[order], count[order])[order]]


def monotone(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest values that never fall, by pooling adjacent violators.

    Source: Ayer et al., An Empirical Distribution Function for Sampling with Incomplete Information, 1955.
    """
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append((value, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, n, i), (b, m, j) = blocks[-2:]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m, i + j)]
    return np.concatenate([np.full(length, value) for value, _, length in blocks])


def spread(observed: Observed) -> float:
    """Return how many times as far as by independent faces the true accuracy of chunks lies from the estimated one.

    Calibrated on one half of the images, measured on the other: the faces of an image are often wrong together.
    """
    even = observed.images % 2 == 0
    fitted, other = observed.take(even), observed.take(~even)
    calibrated = Calibrated(Calibration(fitted_on="half", faces=1, spread=1, **_calibrated(fitted)))
    errors = [standardised(calibrated, other, rows) for rows in chunks(other, _ESTIMATED, 500, seed=1)]
    return round(float(np.clip(np.quantile(np.abs(errors), 0.9) / 1.645, 1, 5)), 3)


def standardised(calibrated: Calibrated, observed: Observed, rows: NDArray[np.int64]) -> float:
    """Return true less estimated accuracy of some faces, in standard deviations of independent faces."""
    given = observed.values[rows, _LABEL].astype(np.int64)
    sums = calibrated.sums(given, observed.values[rows, _CONFIDENCE])
    right = float((given == observed.labels[rows]).sum())
    return (right - float(sums[1])) / float(np.sqrt(sums[2]))


def _calibrated(observed: Observed) -> dict[str, Any]:
    return calibration(observed.labels, observed.values[:, _LABEL].astype(np.int64), observed.values[:, _CONFIDENCE])


def left_out(path: Path, mask: Path) -> Observed | None:
    """Return the verdicts that networks gave on sources left out of their training, where they belong to the model."""
    if not path.exists():
        return None
    spec = read_spec(mask)
    with np.load(path) as arrays:
        least = spec.thresholds
        legible = (arrays["brightness"] >= least["brightness"]) & (arrays["contrast"] >= least["contrast"])
        probabilities = softmax((arrays["logits"] / spec.temperature).astype(np.float32)[:, :3])
        labels = arrays["labels"].astype(np.int64)
    masks = label(probabilities, legible.tolist(), least["confidence"])
    values = np.full((len(labels), len(QUANTITIES)), np.nan, np.float32)
    values[:, _LABEL] = [LABELS.index(mask_) for mask_ in masks]
    values[:, _CONFIDENCE] = probabilities.max(1)
    return Observed(values, probabilities, labels, np.arange(len(labels)))


def document(observed: Observed, unseen: Observed | None, model: str, detector: str) -> dict[str, Any]:
    """Return the contents of reference.json.

    unseen: verdicts on sources left out of training; None: there are none.
    """
    known = observed.take(observed.labels != UNLABELLED)
    fitted = unseen or known
    return {
        "schema": 1,
        "model": model,
        "detector": detector,
        "sources": [entry.name for entry in SOURCES if entry.role is Role.TRAIN and not entry.optional],
        "chunk": CHUNK,
        "quantities": profiles(observed),
        "calibration": {
            "fitted_on": "sources left out of training" if unseen else "sources that the model was trained on",
            "faces": len(fitted.labels),
            "spread": spread(known),
            **_calibrated(fitted),
        },
    }


def main() -> None:
    """Observe the sources and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--mask", type=Path, default=Path("models/mask"))
    parser.add_argument("--face", type=Path, default=Path("models/face/live"))
    parser.add_argument("--most", type=int, default=900, help="images of each source")
    args = parser.parse_args()
    models = models_of(args.face, args.mask)
    names = [entry for entry in SOURCES if entry.role is Role.TRAIN and not entry.optional]
    observed = joined(observe(args.pictures, entry, models, most=args.most) for entry in names)
    unseen = left_out(args.work / "leave_one_out.npz", args.mask)
    body = document(observed, unseen, models.specs["mask"].sha256, models.specs["face"].sha256)
    Reference.model_validate_json(json.dumps(body))
    (args.mask / FILE).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
