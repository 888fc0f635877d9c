"""Read images to calibrate and measure face detectors."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.boxes import Letterbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge.data import Image

SUFFIXES = {".jpg", ".jpeg", ".png"}


def image_files(folder: Path) -> list[Path]:
    """Return all image files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def read_bgr(path: Path) -> Image:
    """Return an image as uint8 (H, W, 3) BGR.

    Raises:
        ValueError: it is not an image.
    """
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        message = f"{path}: is not an image"
        raise ValueError(message)
    return image  # type: ignore[return-value]


def calibration(
    folders: list[Path], width_px: int, height_px: int, *, count: int = 110, seed: int = 0
) -> Iterator[Image]:
    """Yield `count` letterboxed images, uint8 (height_px, width_px, 3) RGB, the same number from each folder."""
    share = -(-count // len(folders))
    chosen = [path for folder in folders for path in random.Random(seed).sample(image_files(folder), share)]
    for path in chosen[:count]:
        image = read_bgr(path)
        fit = Letterbox.fit((image.shape[1], image.shape[0]), width_px, height_px)
        yield np.ascontiguousarray(fit.apply(image)[..., ::-1])


def scene_files(scenes: Path) -> list[Path]:
    """Return the image files listed in SCENES/boxes.jsonl."""
    return [scenes / json.loads(line)["file"] for line in (scenes / "boxes.jsonl").open(encoding="utf-8")]
