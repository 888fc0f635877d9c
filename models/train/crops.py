"""Crop the faces of every source with the product's detector and crop function.

    python -m models.train.crops PICTURES WORK [--detector models/face/quality]

Writes WORK/crops/SOURCE.npz; a source is skipped if its file exists and its inputs have not changed.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.progress import track

from edge.boxes import iou
from edge.data import Frame
from edge.detect.centerface import CenterFace
from edge.tflite import Model
from models.train.sources import LABELS, SOURCES, LabelledImage, Source, labelled_images
from models.train.stamp import fresh, stamp
from models.train.store import SHIFT, STORE_MARGIN, STORE_PX, Faces, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from edge.data import Faces as Found

    Image = NDArray[np.uint8]
    Row = tuple[Image, NDArray[np.float32], int, float]
    Detect = Callable[[Image], Found]

MIN_FACE_PX = 9
_MATCH_IOU = 0.4
_PAD = 0.3
"""Border added around a tight crop in which no face was found: CenterFace needs some surroundings."""


def detector(folder: Path, *, min_score: float | None = None) -> Detect:
    """Return the product's detector as a function of a BGR image."""
    network = CenterFace(Model(folder, threads=2), min_score=min_score)
    return lambda image: network.detect(Frame(image, seq=0, at=0.0, read_at=0.0))


def faces_of(root: Path, entry: Source, detect: Detect) -> Faces:
    """Return the crops of the labelled faces of one source."""
    rows: list[Row] = []
    numbers: list[int] = []
    listing = list(labelled_images(root, entry))
    for number, labelled in enumerate(track(listing, entry.name)):
        image = cv2.imread(str(root / entry.name / labelled.file))
        if image is None:
            continue
        found = list((_boxed if entry.is_scenes else _single)(image, labelled, detect))
        rows += found
        numbers += [number] * len(found)
    return Faces(
        np.stack([r[0] for r in rows]),
        np.stack([r[1] for r in rows]),
        np.array([r[2] for r in rows]),
        np.array([r[3] for r in rows], np.float32),
        np.array(numbers),
        np.array(["real"] * len(rows)),
    )


def _boxed(image: Image, labelled: LabelledImage, detect: Detect) -> Iterator[Row]:
    """Yield the labelled faces of a scene, cropped by the matching detected box, else by the labelled box."""
    found = detect(image)
    truth = np.array([box[:4] for box in labelled.boxes], np.float32).reshape(-1, 4)
    overlap = iou(truth, found.boxes)
    for row, (*box, label) in enumerate(labelled.boxes):
        match = int(overlap[row].argmax()) if len(found) else -1
        matched = match >= 0 and overlap[row, match] >= _MATCH_IOU and overlap[:, match].argmax() == row
        chosen = found.boxes[match] if matched else np.array(box)
        points = found.landmarks[match] if matched and found.landmarks is not None else None
        if min(chosen[2:] - chosen[:2]) >= MIN_FACE_PX:
            yield (*stored(image, chosen, points), LABELS.index(label), float(min(chosen[2:] - chosen[:2])))


def _single(image: Image, labelled: LabelledImage, detect: Detect) -> Iterator[Row]:
    """Yield the largest face of an image with a single label."""
    found = detect(image)
    if not len(found):
        pad = round(max(image.shape[:2]) * _PAD)
        image = np.asarray(cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE), np.uint8)
        found = detect(image)
    if len(found) and found.landmarks is not None:
        largest = int((found.boxes[:, 2:] - found.boxes[:, :2]).prod(1).argmax())
        box = found.boxes[largest]
        yield (
            *stored(image, box, found.landmarks[largest]),
            LABELS.index(labelled.label),
            float(min(box[2:] - box[:2])),
        )


def main() -> None:
    """Crop the faces of every source in PICTURES."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--detector", type=Path, default=Path("models/face/quality"))
    args = parser.parse_args()
    weights = hashlib.sha256((args.detector / "model.tflite").read_bytes()).hexdigest()
    made_with = weights, SHIFT, STORE_MARGIN, STORE_PX
    for entry in SOURCES:
        listing = args.pictures / entry.name / entry.listing
        target = args.work / "crops" / f"{entry.name}.npz"
        if not listing.exists():
            target.unlink(missing_ok=True)  # of an optional source that was there in an earlier run
            continue
        if fresh(target, [listing], *made_with):
            continue
        faces_of(args.pictures, entry, detector(args.detector)).save(target)
        stamp(target, [listing], *made_with)


if __name__ == "__main__":
    main()
