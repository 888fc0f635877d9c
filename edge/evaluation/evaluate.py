"""How well detector and classifier do on labelled images: one report, as JSON and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from edge.batch.images import classify_frame
from edge.evaluation.images import read_frames
from edge.evaluation.matching import MATCH_IOU, MIN_SIDE_PX, largest, outcomes
from edge.evaluation.metrics import (
    SHARES,
    average_precision,
    bare_false_faces_per_image,
    by_group,
    by_size,
    calibration_error,
    confusion,
    false_faces_per_image,
    reliability,
    resampled,
    with_interval,
)
from edge.evaluation.pose import POSES, PoseReference
from edge.show.chart import reliability_curve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from rich.progress import Progress

    from edge.data import Frame, Image
    from edge.errors import CameraError
    from edge.evaluation.dataset import Dataset, LabelledImage
    from edge.evaluation.images import Change
    from edge.evaluation.matching import Outcomes
    from edge.stages import Models


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A classified dataset: rows as `maskwatch detect --json` has them, and the number of unreadable images.

    poses: bool (F, len(POSES)), of each labelled face of the dataset.
    """

    dataset: Dataset
    rows: tuple[dict[str, Any], ...]
    unreadable: int
    poses: NDArray[Any]


def classify_dataset(
    dataset: Dataset, models: Models, change: Change, progress: Progress, on_bad: Callable[[CameraError], None]
) -> Evaluation:
    """Classify the faces of every image; an unreadable image counts as one in which no face was found."""
    reference = PoseReference()
    rows, poses = [], []
    unreadable = 0
    for image, frame in read_frames(progress.track(dataset.images, description=dataset.name), change, on_bad):
        source = str(image.path)
        row = {"source": source, "faces": []} if frame is None else classify_frame(source, frame, models)
        rows.append(row)
        poses.append(_poses(reference, image, frame, row))
        unreadable += frame is None
    return Evaluation(dataset, tuple(rows), unreadable, np.concatenate(poses))


def _poses(reference: PoseReference, image: LabelledImage, frame: Frame | None, row: dict[str, Any]) -> NDArray[Any]:
    """Return the poses of the labelled faces, bool (N, len(POSES)); that of a face without a box where it was found."""
    boxes = image.boxes
    if len(image.labels) > len(boxes) and row["faces"]:
        boxes = np.array([largest(row["faces"])["box"]], np.float32)
    if frame is None or len(boxes) < len(image.labels):
        return np.tile(np.array(POSES) == "unknown", (len(image.labels), 1))
    return reference.poses(frame, boxes)


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
        "by_size_px": by_size(faces),
        "by_pose": by_group(faces, dict(zip(POSES, evaluation.poses.T, strict=True))),
        "by_kind": by_group(faces, dataset.kinds),
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
        "false_faces_called_bare_per_picture": round(bare_false_faces_per_image(faces, images), 4),
    }


def table(figures: dict[str, Any]) -> Table:
    """Return the report as a table: each figure with its interval, then the parts by size, pose and kind."""
    images = figures["pictures"]
    faces = f"{figures['dataset']['name']}: {figures['faces']} faces in {images} images"
    result = Table(title=f"{faces}, ECE {figures['ece']:.3f}")
    for heading in ("figure", "value", "95 %", "of"):
        result.add_column(heading, justify="left" if heading == "figure" else "right")
    for key, figure in _listed(figures):
        if figure["value"] is not None:
            spread = f"{figure['low']:.3f} to {figure['high']:.3f}"
            result.add_row(key, f"{figure['value']:.4f}", spread, str(figure["n"]))
    for key, words in _PER_IMAGE.items():
        if key in figures:
            result.add_row(words, f"{figures[key]:.4f}", "", str(images))
    return result


_PER_IMAGE = {
    "false_faces_per_picture": "false faces per image",
    "false_faces_called_bare_per_picture": "of these without_mask",
}


def _listed(figures: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    named = [(name.replace("_", " "), figures[name]) for name in ("face_ap", *SHARES) if name in figures]
    sizes = {f"{size} px": of for size, of in figures["by_size_px"].items()}
    parts = sizes | figures["by_pose"] | figures["by_kind"]
    for key, words in (("face_recall", "found"), ("right", "right end to end")):
        named += [(f"{words}, {name.replace('_', ' ')}", of[key]) for name, of in parts.items()]
    return named


def curve(figures: dict[str, Any]) -> Image:
    """Return the reliability curve of a report as an image."""
    bins = [(part["confidence"], part["right"], part["n"]) for part in figures["reliability"]]
    return reliability_curve(bins, figures["ece"])
