"""Measure a model folder: scenes in three colourings, the third class, slices, int8 against float.

    python -m models.train.mask.evaluate PICTURES WORK [--mask FOLDER] [--face FOLDER] [--live FOLDER] [--net NAME]

Writes WORK/report.json, which `card` turns into CARD.md.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import Progress

from edge.classify.mask import softmax
from edge.evaluation.dataset import read_dataset
from edge.evaluation.evaluate import Evaluation, classify_dataset
from edge.evaluation.evaluate import report as figures
from edge.evaluation.images import COLOURS
from edge.evaluation.matching import VERDICTS, outcomes
from edge.intervals import interval
from edge.stages import Models, models_of
from edge.tflite import read_spec
from models.train.mask.logits import of_folder, served
from models.train.mask.slices import Slice, drawings, photographs
from models.train.sources import LABELS, cropped
from models.train.store import Faces

if TYPE_CHECKING:
    from edge.errors import CameraError

log = logging.getLogger(__name__)

_MIN_FACE_PX = 16.0
_TRAINED_ON = "scenes_andrewmvd (trained on)"
_DRAWN_SEED = 99
"""Differs from the seed of the training drawings."""


def classified(folder: Path, models: Models, colour: str = "plain") -> Evaluation:
    """Classify one source as `maskwatch evaluate` does; unreadable images count as images without a face."""

    def warn(error: CameraError) -> None:
        log.warning("%s", error)

    with Progress() as progress:
        return classify_dataset(read_dataset(folder), models, COLOURS[colour], progress, warn)


def in_colours(folder: Path, models: Models, colours: tuple[str, ...]) -> dict[str, Any]:
    """Return the report on one source for each colouring."""
    return {colour: figures(classified(folder, models, colour), models) for colour in colours}


def third_class(folder: Path, models: Models) -> dict[str, int]:
    """Return how often the largest face of each image of a source got each verdict; "missed": no face was found."""
    evaluation = classified(folder, models)
    verdicts = outcomes(evaluation.dataset, evaluation.rows).verdict
    return {name: int((verdicts == place).sum()) for place, name in enumerate(VERDICTS)}


def slice_figures(part: Slice, mask: Path) -> dict[str, Any]:
    """Return n, recall with interval for each class in the slice, and the share of `unsure`, on crops."""
    spec = read_spec(mask)
    images = served(part.faces.crops, spec.input.shape[1], part.change)
    logits = of_folder(mask, images)[:, : len(LABELS)]
    probabilities = softmax((logits / spec.temperature).astype(np.float32))
    verdicts = np.where(probabilities.max(1) >= spec.thresholds["confidence"], probabilities.argmax(1), 3)
    result: dict[str, Any] = {"n": len(part.faces), "unsure": float((verdicts == 3).mean())}
    for place, label in enumerate(LABELS):
        of = part.faces.labels == place
        if of.any():
            counts = [int((verdicts[of] == verdict).sum()) for verdict in range(4)]
            result[label] = {
                "n": int(of.sum()),
                "recall": counts[place] / int(of.sum()),
                "interval": interval(counts[place], int(of.sum())),
                "verdicts": counts,
            }
    return result


def quantised(work: Path, mask: Path, exact: Path) -> dict[str, Any]:
    """Return the accuracy of the int8 and the float model on every source, and how often they agree."""
    result = {}
    for entry in cropped(work):
        faces = Faces.load(work / "crops" / f"{entry.name}.npz")
        faces = faces.take(faces.face_px >= _MIN_FACE_PX)
        images = served(faces.crops, read_spec(mask).input.shape[1])
        small, full = (of_folder(folder, images)[:, : len(LABELS)].argmax(1) for folder in (mask, exact))
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
    parser.add_argument("--live", type=Path, default=Path("models/face/live"))
    parser.add_argument("--net", default="shipped")
    args = parser.parse_args()
    tested = Faces.load(args.work / "crops" / "scenes_macwinwin.npz")
    streets = Faces.load(args.work / "crops" / "scenes_andrewmvd.npz")
    parts = {"scenes_macwinwin": photographs(tested) + drawings(tested, _DRAWN_SEED), _TRAINED_ON: photographs(streets)}
    scenes = {"scenes_macwinwin": tuple(COLOURS), "scenes_andrewmvd": ("plain",)}
    models = models_of(args.face, args.mask, threads=2)
    report = {
        "scenes": {name: in_colours(args.pictures / name, models, colours) for name, colours in scenes.items()},
        "live": in_colours(args.pictures / "scenes_macwinwin", models_of(args.live, args.mask), tuple(COLOURS)),
        "third_class": third_class(args.pictures / "crops_incorrect_devtest", models),
        "slices": {source: {x.name: slice_figures(x, args.mask) for x in some} for source, some in parts.items()},
        "quantised": quantised(args.work, args.mask, args.work / "float" / args.net),
    }
    (args.work / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
