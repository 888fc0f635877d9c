"""Judge whole pictures with the product's detector and classifier, as `maskwatch detect --json` writes it.

    python -m models.train.judge FOLDER --face models/face/quality --mask models/mask --json FILE [--colour grey]

The folder is one of `sources.SOURCES`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from tqdm import tqdm

from edge.classify.mask import MaskClassifier
from edge.data import CLASSES, Frame
from edge.detect.centerface import CenterFace
from edge.tflite import Model

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


def plain(image: Image) -> Image:
    """Return the picture as it is."""
    return image


def grey(image: Image) -> Image:
    """Return the picture without colour."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def swapped(image: Image) -> Image:
    """Return the picture with red and blue exchanged."""
    return np.ascontiguousarray(image[..., ::-1])


COLOURS: dict[str, Callable[[Image], Image]] = {"plain": plain, "grey": grey, "swapped": swapped}


def judged(image: Image, detector: CenterFace, classifier: MaskClassifier) -> list[dict[str, Any]]:
    """Return the faces of a BGR picture with box, score, label, confidence and probabilities."""
    frame = Frame(image, seq=0, at=0.0, read_at=0.0)
    faces = detector.detect(frame)
    verdicts = classifier.classify(frame, faces.boxes)
    return [
        {
            "box": box.tolist(),
            "score": float(score),
            "label": mask.value,
            "confidence": float(probabilities.max()),
            "probs": {c.value: float(p) for c, p in zip(CLASSES, probabilities, strict=True)},
        }
        for box, score, mask, probabilities in zip(
            faces.boxes, faces.scores, verdicts.masks, verdicts.probabilities, strict=True
        )
    ]


def judge_folder(folder: Path, face: Path, mask: Path, colour: str) -> list[dict[str, Any]]:
    """Return one row a picture that the folder's listing names."""
    detector, classifier = CenterFace(Model(face, threads=2)), MaskClassifier(Model(mask))
    listing = next(folder / name for name in ("boxes.jsonl", "crops.jsonl") if (folder / name).exists())
    rows = []
    for line in tqdm(listing.read_text("utf-8").splitlines(), desc=f"{folder.name} {colour}", mininterval=5):
        file = json.loads(line)["file"]
        image = cv2.imread(str(folder / file))
        faces = [] if image is None else judged(COLOURS[colour](np.asarray(image, np.uint8)), detector, classifier)
        rows.append({"source": file, "faces": faces})
    return rows


def main() -> None:
    """Judge one folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--face", type=Path, required=True)
    parser.add_argument("--mask", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--colour", choices=list(COLOURS), default="plain")
    args = parser.parse_args()
    rows = judge_folder(args.folder, args.face, args.mask, args.colour)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


if __name__ == "__main__":
    main()
