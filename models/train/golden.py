"""Write golden outputs: drawn crops of the two public-domain portraits with the int8 model's answers.

    python -m models.train.golden models/mask

Writes FOLDER/golden.npz: images uint8 (N, S, S, 3) BGR as served, logits float32 (N, 3), labels int64 (N,), step.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edge.tflite import read_spec
from models.train.augment import Strength, augmented
from models.train.drawn import drawings, portrait_faces
from models.train.verdicts import of_folder, served

_RECIPE = {"right": 2.0, "wrong": 3.0, "negative": 2.0}
_SEED = 20


def main() -> None:
    """Write the golden file of one model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    rng = np.random.default_rng(_SEED)
    faces, size_px = portrait_faces(), read_spec(folder).input.shape[1]
    drawn = drawings(faces, [], _RECIPE, rng)
    images = served(faces.crops, size_px) + served(drawn.crops, size_px)
    images += [augmented(crop, 40.0, size_px, rng, Strength()) for crop in drawn.crops]
    labels = np.concatenate([faces.labels, drawn.labels, drawn.labels])
    np.savez_compressed(folder / "golden.npz", images=np.stack(images), logits=of_folder(folder, images), labels=labels)


if __name__ == "__main__":
    main()
