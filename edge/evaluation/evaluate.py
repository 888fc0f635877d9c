"""How well detector and classifier do on labelled images: one report, as JSON and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from edge.batch.images import classify_frame
from edge.evaluation.images import read_frames
from edge.evaluation.matching import MATCH_IOU, MIN_SIDE_PX, outcomes
from edge.evaluation.metrics import (
    SHARES,
    average_precision,
    by_size,
    calibration_error,
    confusion,
    false_faces_per_image,
    interval,
    reliability,
    resampled,
    with_interval,
)
from edge.show.chart import reliability_curve

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from edge.data import Image
    from edge.errors import CameraError
    from edge.evaluation.dataset import Dataset
    from edge.evaluation.images import Change
    from edge.evaluation.matching import Outcomes
    from edge.stages import Models


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A classified dataset: rows as `maskwatch detect --json` has them, and the number of unreadable images."""

    dataset: Dataset
    rows: tuple[dict[str, Any], ...]
    unreadable: int


def classify_dataset(
    dataset: Dataset, models: Models, change: Change, progress: Progress, on_bad: Callable[[CameraError], None]
) -> Evaluation:
    """Classify the faces of every image; an unreadable image counts as one in which no face was found."""
    rows = []
    unreadable = 0
    for image, frame in read_frames(progress.track(dataset.images, description=dataset.name), change, on_bad):
        source = str(image.path)
        rows.append({"source": source, "faces": []} if frame is None else classify_frame(source, frame, models))
        unreadable += frame is None
    return Evaluation(dataset, tuple(rows), unreadable)


def report(evaluation: Evaluation, models: Models) -> dict[str, Any]:
    """Return the report: figures with 95 % intervals, confusion, slices by size, and the calibration of confidence.

    Intervals of shares are Wilson's; that of average precision comes from resampling the images.
    """
    dataset = evaluation.dataset
    faces = outcomes(dataset, evaluation.rows)
    found = faces.take(faces.real & faces.found)
    confidence = found.confidence.astype(float)
    is_correct = found.best == found.label
    return {
        "dataset": {"name": dataset.name, "sha256": dataset.sha256, "scenes": dataset.is_scenes},
        "models": {kind: spec.identity for kind, spec in models.specs.items()},
        "rule": {"min_side_px": MIN_SIDE_PX, "match_iou": MATCH_IOU, "interval": 0.95},
        "pictures": len(dataset.images),
        "pictures_unreadable": evaluation.unreadable,
        "faces": int(faces.real.sum()),
        **(_detection(dataset, faces) if dataset.is_scenes else {}),
        **{name: with_interval(name, faces) for name in SHARES},
        "confusion": confusion(faces),
        "by_size_px": {size: _with_share(counts) for size, counts in by_size(faces).items()},
        "ece": round(calibration_error(confidence, is_correct), 4),
        "reliability": [
            {"confidence": round(mean, 4), "right": round(part, 4), "n": n}
            for mean, part, n in reliability(confidence, is_correct)
        ],
    }


def _detection(dataset: Dataset, faces: Outcomes) -> dict[str, Any]:
    """Return the figures that need boxes: false faces, and how well scores rank."""
    images = len(dataset.images)
    low, high = resampled(lambda weights: average_precision(faces, weights[faces.image]), images)
    value = round(average_precision(faces), 4)
    return {
        "face_ap": {"value": value, "low": round(low, 4), "high": round(high, 4), "n": int(faces.real.sum())},
        "false_faces_per_picture": round(false_faces_per_image(faces, images), 4),
    }


def _with_share(counts: dict[str, int]) -> dict[str, Any]:
    """Return the counts of one range of sizes with the share classified correctly and its interval."""
    hits, n = counts["judged_right"], counts["faces"]
    low, high = interval(hits, n)
    share = round(hits / n, 4) if n else None
    return counts | {"right": {"value": share, "low": round(low, 4), "high": round(high, 4), "n": n}}


def table(figures: dict[str, Any]) -> Table:
    """Return the report as a table: each figure with its interval, then the slices by size."""
    images = figures["pictures"]
    faces = f"{figures['dataset']['name']}: {figures['faces']} faces in {images} images"
    result = Table(title=f"{faces}, ECE {figures['ece']:.3f}")
    for heading in ("figure", "value", "95 %", "of"):
        result.add_column(heading, justify="left" if heading == "figure" else "right")
    for key, figure in _listed(figures):
        if figure["value"] is not None:
            spread = f"{figure['low']:.3f} to {figure['high']:.3f}"
            result.add_row(key, f"{figure['value']:.4f}", spread, str(figure["n"]))
    if "false_faces_per_picture" in figures:
        result.add_row("false faces per image", f"{figures['false_faces_per_picture']:.4f}", "", str(images))
    return result


def _listed(figures: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    named = [(name.replace("_", " "), figures[name]) for name in ("face_ap", *SHARES) if name in figures]
    return named + [(f"right end to end, {size} px", part["right"]) for size, part in figures["by_size_px"].items()]


def curve(figures: dict[str, Any]) -> Image:
    """Return the reliability curve of a report as an image."""
    bins = [(part["confidence"], part["right"], part["n"]) for part in figures["reliability"]]
    return reliability_curve(bins, figures["ece"])
