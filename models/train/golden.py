"""Write golden outputs of a model folder: what it answers on the day that it is made, to known pictures.

    python -m models.train.golden models/mask
    python -m models.train.golden models/face/live

A mask model: FOLDER/golden.npz with drawn crops of the two public-domain portraits, images uint8 (N, S, S, 3) BGR as
served, logits float32 (N, 3), labels int64 (N,). A face model: FOLDER/golden.json with the faces that it finds in the
built-in demo, by the second: boxes in pixels, x1, y1, x2, y2, and scores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from edge.capture.demo import DemoCamera
from edge.data import Frame
from edge.detect.centerface import CenterFace
from edge.tflite import Model, read_spec
from models.train.augment import Strength, augmented
from models.train.drawn import drawings, portrait_faces
from models.train.verdicts import of_folder, served

_RECIPE = {"right": 2.0, "wrong": 3.0, "negative": 2.0}
_SEED = 20
_SECONDS = (4.0, 11.0, 15.0, 20.0, 27.0)


def of_mask(folder: Path) -> None:
    """Write FOLDER/golden.npz."""
    rng = np.random.default_rng(_SEED)
    faces, size_px = portrait_faces(), read_spec(folder).input.shape[1]
    drawn = drawings(faces, [], _RECIPE, rng)
    images = served(faces.crops, size_px) + served(drawn.crops, size_px)
    images += [augmented(crop, 40.0, size_px, rng, Strength()) for crop in drawn.crops]
    labels = np.concatenate([faces.labels, drawn.labels, drawn.labels])
    np.savez_compressed(folder / "golden.npz", images=np.stack(images), logits=of_folder(folder, images), labels=labels)


def of_face(folder: Path) -> None:
    """Write FOLDER/golden.json."""
    camera, detector = DemoCamera(), CenterFace(Model(folder))
    found = {}
    for second in _SECONDS:
        faces = detector.detect(Frame(camera.scene(second), 0, at=second, read_at=0.0))
        found[str(second)] = {
            "boxes": faces.boxes.astype(float).round(2).tolist(),
            "scores": faces.scores.astype(float).round(4).tolist(),
        }
    (folder / "golden.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def main() -> None:
    """Write the golden file of one model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    {"mask": of_mask, "face": of_face}[read_spec(folder).kind](folder)


if __name__ == "__main__":
    main()
