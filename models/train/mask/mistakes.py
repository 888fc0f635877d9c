"""Show the surest mistakes on a test source, to be looked at: a contact sheet that stays in WORK.

    python -m models.train.mask.mistakes PICTURES WORK [--mask models/mask] [--face models/face/quality] [--count 10]

Writes WORK/worst.png; each face with its label, the verdict and its confidence.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.capture.files import read_picture
from edge.classify.crop import crop_face
from edge.evaluation.matching import SAYINGS, UNSURE, outcomes
from edge.show.chart import TILE_PX, sheet
from edge.stages import models_of
from models.train.mask.evaluate import judged

if TYPE_CHECKING:
    from edge.data import Image
    from edge.evaluation.evaluate import Evaluation


def mistakes(done: Evaluation, count: int) -> list[tuple[Image, tuple[str, ...]]]:
    """Return cut and words of the faces that were judged wrong, the surest first, at most `count`."""
    faces = outcomes(done.dataset, done.rows)
    wrong = np.flatnonzero(faces.real & (faces.said < UNSURE) & (faces.said != faces.label))
    tiles = []
    for row in wrong[np.argsort(-faces.confidence[wrong], kind="stable")][:count]:
        image = read_picture(done.dataset.pictures[int(faces.picture[row])].path)
        words = f"is {SAYINGS[faces.label[row]]}", f"said {SAYINGS[faces.said[row]]}", f"{faces.confidence[row]:.4f}"
        tiles.append((crop_face(image, faces.box[row], size_px=TILE_PX, margin=0.25), words))
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
    done = judged(args.pictures / args.source, models_of(args.face, args.mask, threads=2))
    cv2.imwrite(str(args.work / "worst.png"), sheet(mistakes(done, args.count), columns=5))


if __name__ == "__main__":
    main()
