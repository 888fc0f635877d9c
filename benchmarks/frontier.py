"""Cost against quality: every profile, and other face models of a chosen cost, on labelled scenes.

    python -m benchmarks.frontier SCENES [--model FOLDER]... [--empty FOLDER] [--arm64 build/arm64] [--json FILE]

SCENES is a dataset of `maskwatch evaluate`; --empty adds the faces found in images without people, and those of them
that `quality` does not find. aarch64 instructions of the models that ship are those of instructions.csv; --arm64 counts
those of the others under qemu (benchmarks/instructions.py). CenterFace of another cost is that of `quality`, resized:

    python -m models.train.face.resize models/face/quality --settings SIZE.toml --out FOLDER

with name, version, [size] height_px and width_px, and [thresholds] score and bare in SIZE.toml.

The cost of a model with verifiers includes their runs, as many as there are in an image of SCENES.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.instructions import budget, by_qemu, per_image_m
from edge.batch.images import classify_frame
from edge.boxes import iou
from edge.evaluation.dataset import read_dataset, read_empty
from edge.evaluation.evaluate import classify_dataset, report
from edge.evaluation.images import plain, read_frames
from edge.evaluation.matching import MATCH_IOU
from edge.stages import load_detector, models_of
from edge.tflite import Model, read_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge.data import Faces, Image
    from edge.errors import CameraError
    from edge.evaluation.dataset import Dataset

ROOT = Path(__file__).parent.parent / "models"
PROFILES = ("live", "balanced", "quality")
_FIGURES = {
    "AP": "face_ap",
    "found": "face_recall",
    "bare recall": "unmasked_recall",
    "lenient": "unmasked_precision_lenient",
    "right": "right_end_to_end",
}
_POSES = ("frontal", "three_quarter", "profile")


def instructions_m(folder: Path, arm64: Path | None) -> float | None:
    """Return millions of aarch64 instructions per run of a model: from the budget, or counted; None if neither."""
    folder = folder.resolve()
    if folder.is_relative_to(ROOT):
        known = budget().get(("aarch64", folder.relative_to(ROOT).as_posix()))
        if known is not None:
            return known
    return None if arm64 is None else per_image_m(str(folder), by_qemu(arm64))


def cost_of(folder: Path, arm64: Path | None, runs: float = 1.0) -> NDArray[np.float64]:
    """Return MMAC and millions of instructions of some runs of a model, float64 (2,); NaN where not known."""
    count = instructions_m(folder, arm64)
    return runs * np.array([float(read_spec(folder).training["mmac"]), np.nan if count is None else count])


class _Counted(Model):
    """A model that counts its runs."""

    runs = 0

    def read(self, image: Image, decode: Callable[..., Any]) -> Any:  # noqa: ANN401 - what `decode` returns
        """Count a run."""
        self.runs += 1
        return super().read(image, decode)


def runs_per_image(folder: Path, dataset: Dataset) -> dict[Path, float]:
    """Return the mean number of runs per image of a face model and of its verifiers, by folder."""
    loaded: dict[Path, _Counted] = {}

    def load(one: Path, *, threads: int) -> _Counted:
        return loaded.setdefault(one, _Counted(one, threads=threads))

    detector, _ = load_detector(folder, load=load)
    frames = [frame for _, frame in read_frames(dataset.images, plain, _warn) if frame is not None]
    for frame in frames:
        detector.detect(frame)
    return {one: model.runs / len(frames) for one, model in loaded.items()}


def _warn(error: CameraError) -> None:
    Console(stderr=True).print(str(error), markup=False)


def measured(folder: Path, dataset: Dataset, arm64: Path | None) -> dict[str, Any]:
    """Return cost and quality of a face model, with the mask model that ships."""
    models = models_of(folder, ROOT / "mask")
    with Progress() as progress:
        figures = report(classify_dataset(dataset, models, plain, progress, _warn), models)
    runs = runs_per_image(folder, dataset)
    mmac, count_m = np.sum([cost_of(one, arm64, count) for one, count in runs.items()], axis=0)
    height, width = read_spec(folder).input.shape[1:3]
    return {
        "model": folder.name,
        "input": f"{height} x {width}",
        "verifications": [round(count, 2) for one, count in runs.items() if one != folder],
        "MMAC": round(float(mmac), 1),
        "M instructions": None if np.isnan(count_m) else round(float(count_m), 1),
        **{name: figures[key]["value"] for name, key in _FIGURES.items()},
        "false": figures["false_faces_per_picture"],
        **{pose: figures["by_pose"][pose]["face_recall"]["value"] for pose in _POSES},
    }


def in_empty(folder: Path, images: Dataset, reference: Path) -> dict[str, Any]:
    """Return the faces per image where nobody is, those that another model does not find, and those called bare."""
    models, others = (models_of(one, ROOT / "mask") for one in (folder, reference))
    found = bare = alone = alone_bare = 0
    for image, frame in read_frames(images.images, plain, _warn):
        if frame is None:
            continue
        faces = classify_frame(str(image.path), frame, models)["faces"]
        is_bare = np.array([face["label"] == "without_mask" for face in faces], bool)
        unseen = ~_seen([face["box"] for face in faces], others.detector.detect(frame))
        found, bare = found + len(faces), bare + int(is_bare.sum())
        alone, alone_bare = alone + int(unseen.sum()), alone_bare + int((unseen & is_bare).sum())
    counts = {"found": found, "bare": bare, "alone": alone, "alone, bare": alone_bare}
    return {f"nobody: {name}": round(count / len(images.images), 4) for name, count in counts.items()}


def _seen(boxes: list[Any], faces: Faces) -> Any:  # noqa: ANN401 - an array of booleans
    return iou(np.array(boxes, np.float32).reshape(-1, 4), faces.boxes).max(1, initial=0) >= MATCH_IOU


def main() -> None:
    """Print the table, and write it as JSON if requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--model", type=Path, action="append", default=[], help="another face model")
    parser.add_argument("--empty", type=Path, help="a folder of images without people")
    parser.add_argument("--arm64", type=Path, help="folder made by tests/platform/arm64.sh")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    dataset = read_dataset(args.scenes)
    rows = []
    for folder in (*(ROOT / "face" / name for name in PROFILES), *args.model):
        row = measured(folder, dataset, args.arm64)
        if args.empty:
            row |= in_empty(folder, read_empty(args.empty), ROOT / "face" / "quality")
        rows.append(row)
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(width=240).print(table)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
