"""Measure drift on labelled images: false alarms over 30 days, time to an alarm, and what the estimate is worth.

    python -m benchmarks.drift PICTURES CACHE [--runs 10]

The models see each image once, unchanged and under each change of `benchmarks.drift_cases`; days are then drawn from
what they made of it, by whole images, 1,000 faces a day. What a device has of its own is learned in the first days.
Windows of `scenes_macwinwin`, which the reference does not know, show how far the estimate carries to another place.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.drift_cases import CHANGES
from edge.data import Mask
from edge.monitor.drift.estimate import Calibrated
from edge.monitor.drift.quantities import LABELS, QUANTITIES
from edge.monitor.drift.reference import Calibration, Reference, read_reference
from edge.monitor.drift.windows import Windows
from edge.stages import models_of
from edge.tflite import read_spec
from models.train.mask.observed import UNLABELLED, Observed, joined, observe
from models.train.mask.reference import calibration, chunks
from models.train.sources import SOURCES, Role, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge.stages import Models

MASK, FACE = Path("models/mask"), Path("models/face/live")
DAYS, FACES_A_DAY, SETTLED = 30, 1000, 3000
WITHIN = 500
ESTIMATED = 600
HOURS = np.repeat(np.arange(6, 23), [2, 8, 8, 5, 4, 5, 6, 5, 4, 5, 8, 9, 6, 4, 3, 2, 1])
"""A day of a bus stop: when people come."""
MOST = {"scenes_andrewmvd": 350, "crops_chandrikadeb7": 150, "crops_techyhoney": 150}
"""Images of each source that are changed."""
UNSURE = LABELS.index(Mask.UNSURE)
_LABEL, _CONFIDENCE = QUANTITIES.index("label"), QUANTITIES.index("confidence")


def collected(pictures: Path, cache: Path, models: Models) -> dict[str, Observed]:
    """Return what the models make of the reference's sources by change, "plain" unchanged; and of "macwinwin"."""
    names = [entry.name for entry in SOURCES if entry.role is Role.TRAIN and not entry.optional]
    found = {"plain": joined(_cached(pictures, cache, models, name, "plain", 900) for name in names)}
    for kind in CHANGES:
        found[kind] = joined(_cached(pictures, cache, models, name, kind, MOST[name]) for name in names)
    found["macwinwin"] = _cached(pictures, cache, models, "scenes_macwinwin", "plain", None)
    return found


def _cached(pictures: Path, cache: Path, models: Models, name: str, kind: str, most: int | None) -> Observed:
    path = cache / f"{kind.replace(' ', '_')}.{name}.npz"
    if not path.exists():
        observe(pictures, source(name), models, most=most, change=CHANGES.get(kind)).save(path)
    return Observed.load(path)


def fed(windows: Windows, values: NDArray[np.float32], hours: NDArray[np.int64]) -> Iterator[tuple[int, bool]]:
    """Add faces two at a time; yield how many were added, and whether there is drift, after each full window."""
    for at in range(0, len(values), 2):
        if windows.add(values[at : at + 2], int(hours[at])):
            yield at + 2, bool(windows.causes)


def day(observed: Observed, faces: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the observations of a day and the hour of each."""
    rows = next(chunks(observed, faces, 1, seed))
    return observed.values[rows], np.sort(np.random.default_rng(seed).choice(HOURS, faces))


def false_alarms(reference: Reference, plain: Observed, seed: int) -> int:
    """Return how often drift begins within 30 days of the reference's own sources."""
    windows, alarms, before = Windows(reference, reference.detector), 0, False
    for number in range(DAYS):
        for _, now in fed(windows, *day(plain, FACES_A_DAY, seed * 1000 + number)):
            alarms += now and not before
            before = now
    return alarms


def until_alarm(
    reference: Reference, plain: Observed, shifted: Observed, seed: int, learned: int
) -> tuple[int | None, tuple[str, ...]]:
    """Return the faces after a shift until the alarm, None beyond 3,000, and the causes that it names.

    learned: faces of the place before the shift; the shift begins anywhere within a window.
    """
    windows = Windows(reference, reference.detector)
    start = learned + int(np.random.default_rng(seed).integers(0, reference.chunk // 2)) * 2
    if start:
        list(fed(windows, *day(plain, start, seed)))
    for faces, drifted in fed(windows, *day(shifted, 3000, seed + 1)):
        if drifted:
            return faces, windows.causes
    return None, ()


def another_mix(observed: Observed) -> Observed:
    """Return the images whose people are mostly without a mask: where most wore one, few do."""
    bare = observed.labels == 1
    counts = np.bincount(observed.images, weights=bare) / np.maximum(np.bincount(observed.images), 1)
    return observed.take(counts[observed.images] >= 0.5)


def coverage(calibrated: Calibrated, observed: Observed, windows: int = 400) -> dict[str, float]:
    """Return the share of windows whose interval holds the true accuracy, and errors and reach in points."""
    known = observed.take(observed.labels != UNLABELLED)
    held, errors, reaches = [], [], []
    for rows in chunks(known, ESTIMATED, windows, seed=7):
        given = known.values[rows, _LABEL].astype(np.int64)
        sums = calibrated.sums(given, known.values[rows, _CONFIDENCE])
        estimate = calibrated.accuracy(sums)
        sure = given != UNSURE
        true = float((given == known.labels[rows])[sure].mean())
        if estimate is None:
            continue
        held.append(estimate.low <= true <= estimate.high)
        errors.append(100 * (estimate.share - true))
        reaches.append(50 * (estimate.high - estimate.low))
    return {
        "windows": len(held),
        "held": float(np.mean(held)),
        "error": float(np.median(errors)),
        "widest": float(max(reaches)),
    }


def halved(plain: Observed, spread: float) -> tuple[Calibrated, Observed]:
    """Return what is calibrated on every other image, and the faces of the others."""
    even = plain.images % 2 == 0
    fitted = plain.take(even & (plain.labels != UNLABELLED))
    given, confidences = fitted.values[:, _LABEL].astype(np.int64), fitted.values[:, _CONFIDENCE]
    tables = calibration(fitted.labels, given, confidences)
    return Calibrated(Calibration(fitted_on="half", faces=1, spread=spread, **tables)), plain.take(~even)


def report_alarms(reference: Reference, found: dict[str, Observed], runs: int) -> None:
    """Print the false alarms, and the faces until an alarm on a new device and on one that knows its place."""
    plain = found["plain"]
    alarms = [false_alarms(reference, plain, seed) for seed in range(runs)]
    print(
        f"false alarms in {DAYS} days of {FACES_A_DAY} faces, {runs} runs: {alarms}, mean {statistics.mean(alarms):.2f}"
    )
    shifts = {kind: found[kind] for kind in CHANGES} | {"another mix": another_mix(plain)}
    for kind, shifted in shifts.items():
        for learned, device in ((0, "new"), (SETTLED, "settled")):
            tries = [until_alarm(reference, plain, shifted, 50 * seed, learned) for seed in range(2 * runs)]
            waits = sorted(faces or 9_999 for faces, _ in tries)
            within = sum(faces <= WITHIN for faces in waits)
            named = Counter(cause for _, causes in tries for cause in causes).most_common(3)
            text = ", ".join(f"{cause} {count}" for cause, count in named)
            print(
                f"{kind}, {device}: {within} of {len(tries)} within {WITHIN}, median {waits[len(waits) // 2]}: {text}"
            )


def report_estimates(reference: Reference, found: dict[str, Observed]) -> None:
    """Print how often the interval of the estimated accuracy holds the true one, unshifted and under each shift."""
    ours = Calibrated(reference.calibration)
    half, others = halved(found["plain"], reference.calibration.spread)
    cases = {"unshifted, other half of the images": (half, others)}
    cases |= {kind: (ours, found[kind]) for kind in CHANGES}
    cases |= {"another mix": (ours, another_mix(found["plain"])), "another place": (ours, found["macwinwin"])}
    for kind, (calibrated, observed) in cases.items():
        figures = coverage(calibrated, observed)
        print(f"{kind}: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("cache", type=Path, help="folder for what the models make of the images")
    parser.add_argument("--runs", type=int, default=10)
    args = parser.parse_args()
    found = collected(args.pictures, args.cache, models_of(FACE, MASK))
    reference = read_reference(MASK, read_spec(MASK).sha256)
    if reference is None:
        raise SystemExit(f"{MASK} has no reference: run models.train.mask.reference first")
    report_estimates(reference, found)
    report_alarms(reference, found, args.runs)


if __name__ == "__main__":
    main()
