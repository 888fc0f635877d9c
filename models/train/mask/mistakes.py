"""Show the most confident mistakes on a test source on a contact sheet, for a person to check; it stays in WORK.

    python -m models.train.mask.mistakes PICTURES WORK [--mask models/mask] [--face models/face/quality] [--count 10]

Writes WORK/mistakes.png; each face with its label, the verdict and its confidence.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.capture.files import read_image
from edge.crop import crop_face
from edge.evaluation.matching import UNSURE, VERDICTS, outcomes
from edge.show.chart import TILE_PX, contact_sheet
from edge.stages import models_of
from models.train.mask.evaluate import classified

if TYPE_CHECKING:
    from edge.data import Image
    from edge.evaluation.evaluate import Evaluation


def mistakes(evaluation: Evaluation, count: int) -> list[tuple[Image, tuple[str, ...]]]:
    """Return crop and caption of the faces that were misclassified, most confident first, at most `count`."""
    faces = outcomes(evaluation.dataset, evaluation.rows)
    wrong = np.flatnonzero(faces.real & (faces.verdict < UNSURE) & (faces.verdict != faces.label))
    tiles = []
    for row in wrong[np.argsort(-faces.confidence[wrong], kind="stable")][:count]:
        image = read_image(evaluation.dataset.images[int(faces.image[row])].path)
        label = VERDICTS[faces.label[row]]
        verdict = VERDICTS[faces.verdict[row]]
        caption = (f"label {label}", f"verdict {verdict}", f"{faces.confidence[row]:.4f}")
        tiles.append((crop_face(image, faces.box[row], size_px=TILE_PX, margin=0.25), caption))
    return tiles


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--source", default="scenes_macwinwin")
    parser.add_argument("--mask", type=Path, default=Path("models/mask"))
    parser.add_argument("--face", type=Path, default=Path("models/face/quality"))
    parser.add_argument("--count", type=int, default=10)
    args = parser.parse_args()
    evaluation = classified(args.pictures / args.source, models_of(args.face, args.mask, threads=2))
    cv2.imwrite(str(args.work / "mistakes.png"), contact_sheet(mistakes(evaluation, args.count), columns=5))


if __name__ == "__main__":
    main()
