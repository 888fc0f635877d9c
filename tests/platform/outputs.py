"""Print a digest of what each model makes of given images: run by the Python of each processor.

`python -m tests.platform.outputs FILE` reads `crops` and `frames`, uint8 (N, H, W, 3) BGR, from an .npz file.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path

import cv2
import numpy as np

from edge import paths, tflite

MODELS = ("mask", "face/live", "face/verifier", "face/verifier-large", "face/balanced", "face/quality")
_FEW = 4
"""Frames of each of the larger detectors; under qemu one takes up to ten seconds."""


def digest(name: str, images: np.ndarray) -> str:
    """Return a digest of all outputs of a model for images shrunk to its input."""
    model, found = tflite.Model(paths.models() / name), hashlib.sha256()
    for image in images:
        fitted = image if image.shape[1::-1] == model.size_px else cv2.resize(image, model.size_px)
        for output in model.run(fitted):
            found.update(output.tobytes())
    return found.hexdigest()


def digests(path: Path) -> dict[str, str]:
    """Return the digest of each model, and the processor."""
    given = np.load(path)
    images = {"mask": given["crops"], "face/live": given["frames"], "face/verifier": given["frames"]}
    found = {name: digest(name, images.get(name, given["frames"][:_FEW])) for name in MODELS}
    return found | {"machine": platform.machine()}


if __name__ == "__main__":
    json.dump(digests(Path(sys.argv[1])), sys.stdout)
