"""How well detector and classifier do on labelled pictures: one report, as JSON and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from edge.batch.images import frames, judged
from edge.evaluation.matching import MATCH_IOU, MIN_SIDE_PX, outcomes
from edge.evaluation.metrics import (
    SHARES,
    average_precision,
    by_size,
    calibration_error,
    confusion,
    false_faces_a_picture,
    interval,
    reliability,
    resampled,
    with_interval,
)
from edge.show.chart import reliability_curve

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from edge.batch.images import Change
    from edge.data import Image
    from edge.errors import CameraError
    from edge.evaluation.dataset import Dataset
    from edge.evaluation.matching import Outcomes
    from edge.stages import Models


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The rows of a judged dataset, as `maskwatch detect --json` has them, and the faces that could not be read."""

    dataset: Dataset
    rows: tuple[dict[str, Any], ...]
    unreadable: int


def judge_dataset(
    dataset: Dataset, models: Models, change: Change, progress: Progress, on_bad: Callable[[CameraError], None]
) -> Evaluation:
    """Judge every picture; one that cannot be read counts as one in which no face was found."""
    rows, unreadable = [], 0
    for picture, frame in frames(progress.track(dataset.pictures, description=dataset.name), change, on_bad):
        source = str(picture.path)
        rows.append({"source": source, "faces": []} if frame is None else judged(source, frame, models))
        unreadable += frame is None
    return Evaluation(dataset, tuple(rows), unreadable)


def report(done: Evaluation, models: Models) -> dict[str, Any]:
    """Return the report: figures with 95 % intervals, confusion, slices by size, and how honest confidence is.

    Intervals of shares are Wilson's; that of average precision comes from drawing the pictures anew.
    """
    faces = outcomes(done.dataset, done.rows)
    found = faces.take(faces.real & faces.found)
    confidence, is_right = found.confidence.astype(float), found.best == found.label
    return {
        "dataset": {"name": done.dataset.name, "sha256": done.dataset.sha256, "scenes": done.dataset.is_scenes},
        "models": {kind: spec.identity for kind, spec in models.specs.items()},
        "rule": {"min_side_px": MIN_SIDE_PX, "match_iou": MATCH_IOU, "interval": 0.95},
        "pictures": len(done.dataset.pictures),
        "pictures_unreadable": done.unreadable,
        "faces": int(faces.real.sum()),
        **(_detection(done.dataset, faces) if done.dataset.is_scenes else {}),
        **{name: with_interval(name, faces) for name in SHARES},
        "confusion": confusion(faces),
        "by_size_px": {size: _sized(counts) for size, counts in by_size(faces).items()},
        "ece": round(calibration_error(confidence, is_right), 4),
        "reliability": [
            {"confidence": round(mean, 4), "right": round(part, 4), "n": n}
            for mean, part, n in reliability(confidence, is_right)
        ],
    }


def _detection(dataset: Dataset, faces: Outcomes) -> dict[str, Any]:
    """Return what only scenes tell: faces found that are none, and how well scores rank."""
    pictures = len(dataset.pictures)
    low, high = resampled(lambda weights: average_precision(faces, weights[faces.picture]), pictures)
    value, n = round(average_precision(faces), 4), int(faces.real.sum())
    return {
        "face_ap": {"value": value, "low": round(low, 4), "high": round(high, 4), "n": n},
        "false_faces_per_picture": round(false_faces_a_picture(faces, pictures), 4),
    }


def _sized(counts: dict[str, int]) -> dict[str, Any]:
    """Return the counts of one range of sizes with the share judged right and its interval."""
    low, high = interval(counts["judged_right"], counts["faces"])
    share = round(counts["judged_right"] / counts["faces"], 4) if counts["faces"] else None
    return counts | {"right": {"value": share, "low": round(low, 4), "high": round(high, 4), "n": counts["faces"]}}


def table(figures: dict[str, Any]) -> Table:
    """Return the report for a person: each figure with its interval, then the slices by size."""
    name, pictures, faces = figures["dataset"]["name"], figures["pictures"], figures["faces"]
    result = Table(title=f"{name}: {faces} faces in {pictures} pictures, ECE {figures['ece']:.3f}")
    for heading in ("figure", "value", "95 %", "of"):
        result.add_column(heading, justify="left" if heading == "figure" else "right")
    for key, figure in _listed(figures):
        if figure["value"] is not None:
            spread = f"{figure['low']:.3f} to {figure['high']:.3f}"
            result.add_row(key, f"{figure['value']:.4f}", spread, str(figure["n"]))
    if "false_faces_per_picture" in figures:
        result.add_row("false faces a picture", f"{figures['false_faces_per_picture']:.4f}", "", str(pictures))
    return result


def _listed(figures: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    named = [(name.replace("_", " "), figures[name]) for name in ("face_ap", *SHARES) if name in figures]
    return named + [(f"right end to end, {size} px", part["right"]) for size, part in figures["by_size_px"].items()]


def curve(figures: dict[str, Any]) -> Image:
    """Return the reliability curve of a report as a picture."""
    bins = [(part["confidence"], part["right"], part["n"]) for part in figures["reliability"]]
    return reliability_curve(bins, figures["ece"])
