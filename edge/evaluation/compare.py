"""Two models on the same images: differences with their intervals, and the faces on which they disagree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from edge.batch.images import classify_faces, classify_frame
from edge.capture.files import read_image
from edge.crop import crop_face
from edge.errors import InputError, ModelError
from edge.evaluation.images import plain, read_frames
from edge.evaluation.matching import MISSED, NO_FACE, VERDICTS, outcomes
from edge.evaluation.metrics import (
    average_precision,
    calibration_error,
    correct,
    false_faces_per_image,
    resampled,
    share,
)
from edge.show.chart import TILE_PX, contact_sheet
from edge.tflite import read_spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.progress import Progress

    from edge.data import Frame, Image
    from edge.errors import CameraError
    from edge.evaluation.dataset import Dataset
    from edge.evaluation.matching import Outcomes
    from edge.stages import Models
    from edge.tflite import ModelSpec

    Statistic = Callable[[Outcomes, NDArray[Any]], float]

_TILES = 160
_MASK_FIGURES = (
    "right_end_to_end",
    "unmasked_recall",
    "unmasked_precision",
    "recall_with_mask",
    "recall_incorrect_mask",
    "accuracy_3class_on_judged",
    "unsure_share",
)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The outcomes of two models of one kind on a dataset.

    rows: int64 (F, 2), for each labelled face its row in `a` and in `b`.
    """

    kind: str
    dataset: Dataset
    specs: tuple[ModelSpec, ModelSpec]
    a: Outcomes
    b: Outcomes
    rows: NDArray[Any]

    @property
    def differ(self) -> NDArray[Any]:
        """Where the verdicts differ (face models: where one found the face and the other did not), bool (F,)."""
        a = self.a.verdict[self.rows[:, 0]]
        b = self.b.verdict[self.rows[:, 1]]
        return np.asarray(a != b) if self.kind == "mask" else np.asarray((a == MISSED) != (b == MISSED))

    @property
    def correct(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Which labelled faces each classified correctly (face models: found), both bool (F,)."""
        of = correct if self.kind == "mask" else lambda o: o.found
        return of(self.a)[self.rows[:, 0]], of(self.b)[self.rows[:, 1]]


def same_kind(a: Path, b: Path, dataset: Dataset) -> str:
    """Return the kind of the models in two folders, if they can be compared on a dataset.

    Raises:
        ModelError: they are of different kinds, or the model.toml of one is missing or wrong.
        InputError: they are face models, and the dataset has no boxes.
    """
    kinds = [read_spec(folder).kind for folder in (a, b)]
    if kinds[0] != kinds[1]:
        raise ModelError(f"{a} is a {kinds[0]} model, {b} a {kinds[1]} model; compare two of one kind")
    if kinds[0] == "face" and not dataset.is_scenes:
        raise InputError(f"{dataset.name}: its images have labels but no boxes; face models are compared on boxes")
    return kinds[0]


def compare(
    dataset: Dataset, a: Models, b: Models, kind: str, progress: Progress, on_bad: Callable[[CameraError], None]
) -> Pair:
    """Classify every image with both; two mask models get the same faces, those that the detector of `a` finds."""
    rows: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    for image, frame in read_frames(progress.track(dataset.images, description=dataset.name), plain, on_bad):
        source = str(image.path)
        both = ({"source": source, "faces": []},) * 2 if frame is None else _both(source, frame, a, b, kind)
        for place in (0, 1):
            rows[place].append(both[place])
    made = outcomes(dataset, rows[0]), outcomes(dataset, rows[1])
    return Pair(kind, dataset, (a.specs[kind], b.specs[kind]), *made, _paired(*made))


def _both(source: str, frame: Frame, a: Models, b: Models, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if kind == "face":
        return classify_frame(source, frame, a), classify_frame(source, frame, b)
    faces = a.detector.detect(frame)
    return classify_faces(source, frame, faces, a), classify_faces(source, frame, faces, b)


def _paired(a: Outcomes, b: Outcomes) -> NDArray[Any]:
    """Return the rows of each labelled face in `a` and in `b`, int64 (F, 2)."""
    of = [np.flatnonzero(o.face != NO_FACE) for o in (a, b)]
    ordered = [rows[np.argsort(o.face[rows])] for o, rows in zip((a, b), of, strict=True)]
    return np.stack(ordered, 1)


def differences(pair: Pair, progress: Progress) -> dict[str, Any]:
    """Return each figure of both models, and the difference with its 95 % interval, images resampled in pairs."""
    statistics = _statistics(pair)
    return {
        "dataset": {"name": pair.dataset.name, "sha256": pair.dataset.sha256},
        "kind": pair.kind,
        "models": [spec.identity for spec in pair.specs],
        "pictures": len(pair.dataset.images),
        "faces": len(pair.rows),
        "disagree": int(pair.differ.sum()),
        "figures": {
            name: _difference(pair, statistics[name]) for name in progress.track(statistics, description="resampling")
        },
        "mcnemar": _mcnemar(pair),
    }


def _statistics(pair: Pair) -> dict[str, Statistic]:
    """Return the figures by name, each a function of outcomes and of how often each face counts."""
    if pair.kind == "mask":
        shares = {name: _of_share(name) for name in _MASK_FIGURES}
        return {**shares, "ece": _ece}
    images = len(pair.dataset.images)
    return {
        "face_ap": average_precision,
        "face_recall": _of_share("face_recall"),
        "false_faces_per_picture": lambda o, weights: false_faces_per_image(o, images, weights),
    }


def _of_share(name: str) -> Statistic:
    return lambda o, weights: share(name, o, weights)


def _ece(o: Outcomes, weights: NDArray[Any]) -> float:
    """Return the calibration error of the labelled faces that were found, each counted as often as its weight."""
    rows = np.repeat(np.arange(len(o)), np.where(o.real & o.found, weights, 0).astype(int))
    return calibration_error(o.confidence[rows].astype(float), (o.best == o.label)[rows])


def _difference(pair: Pair, statistic: Statistic) -> dict[str, float | None]:
    images = len(pair.dataset.images)

    def gain(weights: NDArray[Any]) -> float:
        return statistic(pair.b, weights[pair.b.image]) - statistic(pair.a, weights[pair.a.image])

    once = np.ones(images)
    values = [statistic(o, once[o.image]) for o in (pair.a, pair.b)]
    low, high = resampled(gain, images)
    named = {"a": values[0], "b": values[1], "difference": values[1] - values[0], "low": low, "high": high}
    return {key: None if math.isnan(value) else round(value, 4) for key, value in named.items()}


def _mcnemar(pair: Pair) -> dict[str, float]:
    """Return how many faces only one of them classified correctly, and how likely so uneven a split is by chance.

    Source: McNemar, Note on the sampling error of the difference between correlated proportions, 1947; exact form.
    """
    a, b = pair.correct
    only_a = int((a & ~b).sum())
    only_b = int((b & ~a).sum())
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n
    return {"only_a": only_a, "only_b": only_b, "p": round(min(1.0, 2 * tail), 4)}


def table(figures: dict[str, Any]) -> Table:
    """Return the differences as a table."""
    a, b = figures["models"]
    count = f"{figures['faces']} faces, they disagree on {figures['disagree']}"
    result = Table(title=f"A {a['name']} {a['sha256'][:8]}, B {b['name']} {b['sha256'][:8]}: {count}")
    for heading in ("figure", "A", "B", "B - A", "95 %"):
        result.add_column(heading, justify="left" if heading == "figure" else "right")
    for name, row in figures["figures"].items():
        if row["difference"] is not None:
            spread = f"{row['low']:+.4f} to {row['high']:+.4f}"
            cells = (f"{row['a']:.4f}", f"{row['b']:.4f}", f"{row['difference']:+.4f}", spread)
            result.add_row(name.replace("_", " "), *cells)
    split = figures["mcnemar"]
    chance = f"p = {split['p']:.4f} (McNemar)"
    result.add_row("right in one only", str(split["only_a"]), str(split["only_b"]), "", chance)
    return result


def disagreements(pair: Pair) -> list[tuple[Path, NDArray[Any], tuple[str, ...]]]:
    """Return file, box (pixels, x1, y1, x2, y2) and caption of each face on which they disagree, the surest first."""
    rows = pair.rows[pair.differ]
    surest = np.maximum(*(o.confidence[rows[:, place]] for place, o in enumerate((pair.a, pair.b))))
    return [_captioned(pair, *rows[place]) for place in np.argsort(-surest, kind="stable")]


def _captioned(pair: Pair, a: int, b: int) -> tuple[Path, NDArray[Any], tuple[str, ...]]:
    box = pair.a.box[a] if pair.a.found[a] else pair.b.box[b]
    verdicts = (_verdict(pair.kind, name, o, row) for name, o, row in (("A", pair.a, a), ("B", pair.b, b)))
    return pair.dataset.images[int(pair.a.image[a])].path, box, (VERDICTS[pair.a.label[a]], *verdicts)


def _verdict(kind: str, name: str, o: Outcomes, row: int) -> str:
    if kind == "mask":
        return f"{name} {VERDICTS[o.verdict[row]]} {o.confidence[row]:.2f}"
    return f"{name} found {o.score[row]:.2f}" if o.found[row] else f"{name} missed"


def sheet_of(pair: Pair) -> Image:
    """Return an image of the faces on which they disagree, at most `_TILES`, each with its label and both verdicts."""
    return contact_sheet([(_crop(path, box), caption) for path, box, caption in disagreements(pair)[:_TILES]])


def _crop(path: Path, box: NDArray[Any]) -> Image:
    return crop_face(read_image(path), box, size_px=TILE_PX, margin=0.25)
