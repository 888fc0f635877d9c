"""Figures for whole pictures: faces found and masks judged, against labelled boxes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.boxes import iou
from models.train.sources import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MIN_SIDE_PX = 16.0
_IOU = 0.3
"""Sources draw their boxes differently: some take in the hair."""


@dataclass(slots=True)
class Tally:
    """What was said of the labelled faces of a source.

    confusion: (label, verdict) -> faces; the verdict may be "unsure" or "missed".
    false_faces, false_unmasked: unmatched detections in completely labelled pictures, and those called without_mask.
    sure: (confidence, was right) of each judged face, for the reliability curve, unsure ones by their best class.
    """

    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    false_faces: int = 0
    false_unmasked: int = 0
    sure: list[tuple[float, bool]] = field(default_factory=list)

    @property
    def faces(self) -> int:
        """Labelled faces that count."""
        return sum(self.confusion.values())

    def share(self, label: str, verdict: str) -> float:
        """Return the share of faces of `label` that got `verdict`."""
        n = sum(count for (truth, _), count in self.confusion.items() if truth == label)
        return self.confusion[label, verdict] / max(n, 1)

    @property
    def unmasked_precision(self) -> float:
        """Share of without_mask verdicts that are right; a verdict on something that is no face is wrong."""
        said = sum(self.confusion[label, "without_mask"] for label in LABELS) + self.false_unmasked
        return self.confusion["without_mask", "without_mask"] / max(said, 1)

    @property
    def right(self) -> float:
        """Share of labelled faces that were found and judged right."""
        return sum(self.confusion[label, label] for label in LABELS) / max(self.faces, 1)

    def figures(self) -> dict[str, float]:
        """Return the figures that the card names."""
        return {
            "faces": self.faces,
            "unmasked_recall": self.share("without_mask", "without_mask"),
            "unmasked_precision": self.unmasked_precision,
            "mask_recall": self.share("with_mask", "with_mask"),
            "right_end_to_end": self.right,
            "unsure": sum(n for (_, said), n in self.confusion.items() if said == "unsure") / max(self.faces, 1),
            "missed": sum(n for (_, said), n in self.confusion.items() if said == "missed") / max(self.faces, 1),
        }


def tally(folder: Path, rows: list[dict[str, Any]]) -> Tally:
    """Return the tally of judged pictures (`judge`) against FOLDER/boxes.jsonl."""
    by_file = {row["source"]: row["faces"] for row in rows}
    result = Tally()
    for line in (folder / "boxes.jsonl").read_text("utf-8").splitlines():
        scene = json.loads(line)
        _count(result, scene, sorted(by_file.get(scene["file"], []), key=lambda face: -face["score"]))
    return result


def _count(result: Tally, scene: dict[str, Any], faces: list[dict[str, Any]]) -> None:
    truth = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in scene["boxes"]], np.float32).reshape(-1, 4)
    small = (truth[:, 2:] - truth[:, :2]).min(1, initial=np.inf) < MIN_SIDE_PX
    matches = _matched(np.array([face["box"] for face in faces], np.float32).reshape(-1, 4), truth)
    for face, match in zip(faces, matches, strict=True):
        if match < 0 and scene.get("labels_complete", True) and min(_sides(face["box"])) >= MIN_SIDE_PX:
            result.false_faces += 1
            result.false_unmasked += face["label"] == "without_mask"
    taken = {match: face for face, match in zip(faces, matches, strict=True) if match >= 0}
    for row, (*_, label) in enumerate(scene["boxes"]):
        if small[row]:
            continue
        result.confusion[label, taken[row]["label"] if row in taken else "missed"] += 1
        if row in taken:
            best = max(taken[row]["probs"], key=taken[row]["probs"].get)
            result.sure.append((taken[row]["confidence"], best == label))


def _matched(found: NDArray[np.float32], truth: NDArray[np.float32]) -> list[int]:
    """Return for each found box, best first, the labelled box that it takes, or -1."""
    free = iou(found, truth)
    matches = []
    for row in range(len(found)):
        best = int(free[row].argmax()) if truth.size else -1
        hit = best >= 0 and free[row, best] >= _IOU
        matches.append(best if hit else -1)
        if hit:
            free[:, best] = -1
    return matches


def _sides(box: list[float]) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def interval(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    if not n:
        return 0.0, 1.0
    z, share = 1.96, right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return middle - half, middle + half


def calibration_error(confidences: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the expected calibration error over equal bins of confidence.

    Source: Guo et al., On calibration of modern neural networks, 2017, section 2.
    """
    place = np.minimum((confidences * bins).astype(int), bins - 1)
    gaps = [
        abs(confidences[place == b].mean() - right[place == b].mean()) * (place == b).mean()
        for b in range(bins)
        if (place == b).any()
    ]
    return float(sum(gaps))
