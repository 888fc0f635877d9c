"""Measure a model folder on everything: scenes in three colourings, the third class, slices, int8 against float.

    python -m models.train.evaluate PICTURES WORK --mask models/mask --face models/face/quality [--net shipped]

Writes WORK/report.json, which `card` turns into CARD.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.classify.mask import softmax
from edge.tflite import read_spec
from models.train.judge import COLOURS, judge_folder
from models.train.scenes import calibration_error, interval, tally
from models.train.slices import Slice, drawings, photographs
from models.train.sources import LABELS, SOURCES
from models.train.store import Faces
from models.train.verdicts import of_folder, served

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MIN_FACE_PX = 16.0
_TRAINED_ON = "scenes_andrewmvd (trained on)"
_DRAWN_SEED = 99
"""Differs from the seed of the training drawings."""


def scene_figures(folder: Path, face: Path, mask: Path, colours: tuple[str, ...]) -> dict[str, Any]:
    """Return figures of whole scenes in some colourings, and the reliability of the plain ones."""
    result: dict[str, Any] = {}
    for colour in colours:
        counted = tally(folder, judge_folder(folder, face, mask, colour))
        result[colour] = counted.figures() | {
            "confusion": {f"{a}>{b}": n for (a, b), n in sorted(counted.confusion.items())}
        }
        if colour == "plain":
            confidence, right = (np.array(column) for column in zip(*counted.sure, strict=True))
            result["ece"] = calibration_error(confidence, right)
            result["reliability"] = reliability(confidence, right)
    return result


def reliability(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10
) -> list[tuple[float, float, int]]:
    """Return (mean confidence, share right, n) of each filled bin."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        (float(confidence[place == b].mean()), float(right[place == b].mean()), int((place == b).sum()))
        for b in range(bins)
        if (place == b).any()
    ]


def third_class(pictures: Path, face: Path, mask: Path) -> dict[str, int]:
    """Return how often the largest face of each `crops_incorrect_devtest` picture got each verdict; "none": no face."""
    counts = dict.fromkeys([*LABELS, "unsure", "none"], 0)
    for row in judge_folder(pictures / "crops_incorrect_devtest", face, mask, "plain"):
        largest = max(
            row["faces"], key=lambda f: (f["box"][2] - f["box"][0]) * (f["box"][3] - f["box"][1]), default=None
        )
        counts["none" if largest is None else largest["label"]] += 1
    return counts


def slice_figures(part: Slice, mask: Path) -> dict[str, Any]:
    """Return n, recall with interval for each class in the slice, and the share of `unsure`, on crops."""
    spec = read_spec(mask)
    images = served(part.faces.crops, spec.input.shape[1], part.change)
    sure = softmax((of_folder(mask, images) / spec.temperature).astype(np.float32))
    said = np.where(sure.max(1) >= spec.thresholds["confidence"], sure.argmax(1), 3)
    result: dict[str, Any] = {"n": len(part.faces), "unsure": float((said == 3).mean())}
    for place, label in enumerate(LABELS):
        of = part.faces.labels == place
        if of.any():
            counts = [int((said[of] == verdict).sum()) for verdict in range(4)]
            result[label] = {
                "n": int(of.sum()),
                "recall": counts[place] / int(of.sum()),
                "interval": interval(counts[place], int(of.sum())),
                "said": counts,
            }
    return result


def quantised(work: Path, mask: Path, exact: Path) -> dict[str, Any]:
    """Return accuracy of the int8 and the float model on every source, and how often they agree."""
    result = {}
    for entry in SOURCES:
        faces = Faces.load(work / "crops" / f"{entry.name}.npz")
        faces = faces.take(faces.face_px >= _MIN_FACE_PX)
        images = served(faces.crops, read_spec(mask).input.shape[1])
        small, full = of_folder(mask, images).argmax(1), of_folder(exact, images).argmax(1)
        result[entry.name] = {
            "n": len(faces),
            "int8": float((small == faces.labels).mean()),
            "float": float((full == faces.labels).mean()),
            "agree": float((small == full).mean()),
        }
    return result


def main() -> None:
    """Measure one model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--mask", type=Path, default=Path("models/mask"))
    parser.add_argument("--face", type=Path, default=Path("models/face/quality"))
    parser.add_argument("--net", default="shipped")
    args = parser.parse_args()
    tested = Faces.load(args.work / "crops" / "scenes_macwinwin.npz")
    streets = Faces.load(args.work / "crops" / "scenes_andrewmvd.npz")
    parts = {"scenes_macwinwin": photographs(tested) + drawings(tested, _DRAWN_SEED), _TRAINED_ON: photographs(streets)}
    scenes = {"scenes_macwinwin": tuple(COLOURS), "scenes_andrewmvd": ("plain",)}
    report = {
        "scenes": {x: scene_figures(args.pictures / x, args.face, args.mask, c) for x, c in scenes.items()},
        "third_class": third_class(args.pictures, args.face, args.mask),
        "slices": {source: {x.name: slice_figures(x, args.mask) for x in some} for source, some in parts.items()},
        "quantised": quantised(args.work, args.mask, args.work / "float" / args.net),
    }
    (args.work / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
