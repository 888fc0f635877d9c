"""Crop what is no face: weak candidates of the detectors on street images and next to the labelled faces of scenes.

    python -m models.train.backgrounds PICTURES WORK

Writes WORK/backgrounds/SOURCE.npz; a source is skipped if its file exists and its inputs have not changed. Where the
strongest detector is rather sure of a face there probably is one, though nobody labelled it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from rich.progress import track

from edge.boxes import iou
from models.train.crops import MIN_FACE_PX, detector
from models.train.sources import BACKGROUNDS, NO_FACE
from models.train.stamp import fresh, sha256, stamp
from models.train.store import SHIFT, STORE_MARGIN, STORE_PX, Faces, stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.train.crops import Detect

    Image = NDArray[np.uint8]
    Boxes = NDArray[np.float32]

DETECTORS = ("quality", "balanced")
_CANDIDATE = 0.05
_PER_IMAGE = 8


def candidates(image: Image, labelled: Boxes, finders: tuple[Detect, ...], sure: float) -> Boxes:
    """Return float32 (N, 4): boxes that a detector weakly takes for faces, and that are none by label or detector."""
    found = [finder(image) for finder in finders]
    faces = np.concatenate([labelled, *(some.boxes[some.scores >= sure] for some in found)])
    boxes = np.concatenate([some.boxes for some in found])
    scores = np.concatenate([some.scores for some in found])
    large = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) >= MIN_FACE_PX
    chosen: list[NDArray[np.float32]] = []
    for row in np.argsort(-scores, kind="stable"):
        taken = np.concatenate([faces, *(box[None] for box in chosen)])
        if large[row] and iou(boxes[row][None], taken).max(initial=0) == 0:
            chosen.append(boxes[row])
    return np.array(chosen[:_PER_IMAGE], np.float32).reshape(-1, 4)


def backgrounds(folder: Path, rows: list[dict[str, Any]], finders: tuple[Detect, ...], sure: float) -> Faces:
    """Return the crops of what is no face in the images of some rows of a listing."""
    crops, sides, pictures = [], [], []
    for number, row in enumerate(track(rows, folder.name)):
        image = np.asarray(cv2.imread(str(folder / row["file"])), np.uint8)
        labelled = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in row.get("boxes", ())], np.float32).reshape(-1, 4)
        for box in candidates(image, labelled, finders, sure):
            crops.append(stored(image, box, None)[0])
            sides.append(float(min(box[2:] - box[:2])))
            pictures.append(number)
    n = len(crops)
    return Faces(
        np.array(crops, np.uint8).reshape(-1, STORE_PX, STORE_PX, 3),
        np.full((n, 5, 2), np.nan, np.float32),
        np.full(n, NO_FACE, np.int64),
        np.array(sides, np.float32),
        np.array(pictures, np.int64),
        np.full(n, "real"),
    )


def main() -> None:
    """Crop the backgrounds of every source that has some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--detectors", type=Path, default=Path("models/face"))
    args = parser.parse_args()
    folders = [args.detectors / name for name in DETECTORS]
    made_with = [*(sha256(f / "model.tflite") for f in folders), SHIFT, STORE_MARGIN, STORE_PX, _CANDIDATE]
    for entry in BACKGROUNDS:
        listing = args.pictures / entry.name / entry.listing
        target = args.work / "backgrounds" / f"{entry.name}.npz"
        if fresh(target, [listing, Path(__file__)], *made_with, entry):
            continue
        rows = [json.loads(line) for line in listing.read_text("utf-8").splitlines()]
        finders = tuple(detector(folder, min_score=_CANDIDATE) for folder in folders)
        backgrounds(args.pictures / entry.name, rows[: entry.images], finders, entry.sure).save(target)
        stamp(target, [listing, Path(__file__)], *made_with, entry)


if __name__ == "__main__":
    main()
