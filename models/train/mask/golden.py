"""Write the golden outputs of a mask model: its logits for known images on the day that it was made.

    python -m models.train.mask.golden models/mask

Writes FOLDER/golden.npz with drawn crops of the two public-domain portraits: images uint8 (N, S, S, 3) BGR as the
product cuts them, logits float32 (N, 3), labels int64 (N,).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edge.tflite import read_spec
from models.train.draw.drawings import drawings, portrait_faces
from models.train.mask.augment import Strength, augmented
from models.train.mask.logits import of_folder, served

_RECIPE = {"right": 2.0, "wrong": 3.0, "negative": 2.0}
_SEED = 20


def write_golden(folder: Path) -> None:
    """Write FOLDER/golden.npz."""
    rng = np.random.default_rng(_SEED)
    faces = portrait_faces()
    size_px = read_spec(folder).input.shape[1]
    drawn = drawings(faces, [], _RECIPE, rng)
    images = served(faces.crops, size_px) + served(drawn.crops, size_px)
    images += [augmented(crop, 40.0, size_px, rng, Strength()) for crop in drawn.crops]
    labels = np.concatenate([faces.labels, drawn.labels, drawn.labels])
    np.savez_compressed(folder / "golden.npz", images=np.stack(images), logits=of_folder(folder, images), labels=labels)


def main() -> None:
    """Write the golden file of one model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    write_golden(parser.parse_args().folder)


if __name__ == "__main__":
    main()
