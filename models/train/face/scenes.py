"""Render training scenes for the small face detector, labelled by CenterFace as the teacher.

    python -m models.train.face.scenes --scenes SCENES_ANDREWMVD --crops CROPS_CHANDRIKADEB7 \
        --out CACHE --count 8000 [--part 0/2]

Writes CACHE/images-PART.npy, uint8 (N, 256, 320, 3) RGB, and CACHE/targets-PART.npy, float16 (N, 15, 64, 80): heat,
size, offset, landmarks as in `edge.detect.centerface.decode`. Scene i depends only on i and the images.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.face.images import image_files, read_bgr
from models.train.face.teacher import CHANNELS, COLUMNS, HEIGHT_PX, ROWS, WIDTH_PX, Teacher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Floats, Image

_GREY = 127
_HELD_OUT_SHARE = 6


def held_out(name: str) -> bool:
    """Return whether a labelled scene is kept for testing: one in six, by the hash of its file name."""
    return hashlib.sha256(name.encode()).digest()[0] % _HELD_OUT_SHARE == 0


@dataclass(frozen=True, slots=True)
class Photo:
    """A source image, BGR, and the labelled faces in it, float32 (N, 4) x1, y1, x2, y2."""

    image: Image
    boxes: Floats


@dataclass(slots=True)
class Canvas:
    """An unfinished scene at twice the training size, and the labelled faces pasted so far."""

    image: Image
    boxes: list[Floats]


def read_scenes(folder: Path) -> list[Photo]:
    """Return the labelled scenes that are not held out."""
    rows = [json.loads(line) for line in (folder / "boxes.jsonl").open(encoding="utf-8")]
    rows = [row for row in rows if not held_out(Path(row["file"]).name)]
    return [Photo(read_bgr(folder / row["file"]), _corners(row["boxes"])) for row in rows]


def _corners(boxes: list[list[float]]) -> Floats:
    corners = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in boxes], np.float32)
    return corners.reshape(-1, 4)


def read_crops(folder: Path) -> list[Photo]:
    """Return the images of single faces; they have no labelled boxes."""
    return [Photo(read_bgr(path), np.zeros((0, 4), np.float32)) for path in image_files(folder)]


def render(scenes: Sequence[Photo], crops: Sequence[Photo], rng: np.random.Generator) -> Canvas:
    """Return a random scene."""
    style = rng.choice(4, p=[0.4, 0.2, 0.25, 0.15])
    canvas = Canvas(_background(scenes, rng), [])
    if style == 0:
        _one(canvas, _pick(scenes, rng), rng)
    elif style == 1:
        _one(canvas, _pick(crops, rng), rng)
    elif style == 2:
        _grid(canvas, scenes, crops, rng)
    else:
        _one(canvas, _pick(scenes, rng), rng)
        _scatter(canvas, crops, rng)
    return canvas


def _pick(photos: Sequence[Photo], rng: np.random.Generator) -> Photo:
    return photos[int(rng.integers(len(photos)))]


def _background(scenes: Sequence[Photo], rng: np.random.Generator) -> Image:
    """Return the grey of the letterbox, a plain colour, or a blurred scene."""
    height, width = 2 * HEIGHT_PX, 2 * WIDTH_PX
    kind = rng.random()
    if kind < 0.6:
        return np.full((height, width, 3), _GREY, np.uint8)
    if kind < 0.8:
        return np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (height, width, 3)).copy()
    image = cv2.resize(_pick(scenes, rng).image, (width // 16, height // 16), interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def _one(canvas: Canvas, photo: Photo, rng: np.random.Generator) -> None:
    """Fit an image to the top left as the letterbox does, or paste it enlarged and cut off, or smaller."""
    height, width = canvas.image.shape[:2]
    fit = min(width / photo.image.shape[1], height / photo.image.shape[0])
    zoom = float(rng.choice([1.0, np.exp(rng.uniform(-1.0, 0)), np.exp(rng.uniform(0, 1.0))], p=[0.5, 0.25, 0.25]))
    spare = np.array([width, height]) - np.array(photo.image.shape[1::-1]) * fit * zoom
    at = spare * rng.random(2) if zoom != 1 else np.zeros(2)
    turn = float(rng.normal(0, 6)) if rng.random() < 0.4 else 0.0
    _paste(canvas, photo, (0, 0, width, height), fit * zoom, at, turn, rng)


def _grid(canvas: Canvas, scenes: Sequence[Photo], crops: Sequence[Photo], rng: np.random.Generator) -> None:
    """Fill the canvas with tiles: many small faces, and borders that are not faces."""
    count = int(rng.choice([2, 3, 4, 6, 8]))
    height, width = canvas.image.shape[0] // count, canvas.image.shape[1] // count
    for cell in range(count * count):
        photo = _pick(scenes if rng.random() < 1 / count else crops, rng)
        scale = max(width / photo.image.shape[1], height / photo.image.shape[0]) * float(rng.uniform(0.8, 1.3))
        spare = np.array([width, height]) - np.array(photo.image.shape[1::-1]) * scale
        box = (cell % count * width, cell // count * height, width, height)
        _paste(canvas, photo, box, scale, spare * rng.random(2), float(rng.normal(0, 6)), rng)


def _scatter(canvas: Canvas, crops: Sequence[Photo], rng: np.random.Generator) -> None:
    """Paste single faces of any size anywhere."""
    height, width = canvas.image.shape[:2]
    for _ in range(int(rng.integers(2, 10))):
        photo = _pick(crops, rng)
        side = float(np.exp(rng.uniform(np.log(28), np.log(260))))
        scale = side / max(photo.image.shape[:2])
        w, h = (max(8, int(n * scale)) for n in photo.image.shape[1::-1])
        box = (int(rng.integers(0, width - w)), int(rng.integers(0, height - h)), w, h)
        _paste(canvas, photo, box, scale, np.zeros(2), 0.0, rng)


def _paste(
    canvas: Canvas,
    photo: Photo,
    box: tuple[int, int, int, int],
    scale: float,
    at: Floats,
    turn_deg: float,
    rng: np.random.Generator,
) -> None:
    """Paste an image into `box` (x, y, w, h): scaled, its corner at `at` of the box, rotated, half of all mirrored."""
    x, y, w, h = box
    image, boxes = photo.image, photo.boxes
    if rng.random() < 0.5:
        image, boxes = image[:, ::-1], boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [image.shape[1], 0, image.shape[1], 0]
    shrunk = min(1.0, scale)
    size = tuple(max(1, round(n * shrunk)) for n in image.shape[1::-1])
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), turn_deg, scale / shrunk)
    matrix[:, 2] += np.asarray(at) + np.array(size) * (scale / shrunk - 1) / 2
    tile = canvas.image[y : y + h, x : x + w]
    cv2.warpAffine(image, matrix, (w, h), dst=tile, borderMode=cv2.BORDER_TRANSPARENT)
    canvas.image[y : y + h, x : x + w] = tile
    canvas.boxes.append(_moved(boxes * shrunk, matrix) + np.array([x, y, x, y], np.float32))


def _moved(boxes: Floats, matrix: Floats) -> Floats:
    """Return boxes whose centres an affine map moves and whose sides it scales."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * np.hypot(matrix[0, 0], matrix[0, 1])
    return np.concatenate([centres - half, centres + half], 1).astype(np.float32)


def halved(image: Image, rng: np.random.Generator) -> Image:
    """Return the image at half size, at random with the aliasing of a nearest-neighbour resize."""
    how = cv2.INTER_NEAREST if rng.random() < 0.25 else cv2.INTER_AREA
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=how)  # type: ignore[return-value]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--part", default="0/1", help="which of how many parts to render")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    part, parts = map(int, args.part.split("/"))
    args.out.mkdir(parents=True, exist_ok=True)
    scenes, crops, teacher = read_scenes(args.scenes), read_crops(args.crops), Teacher()
    wanted = range(part, args.count, parts)
    shapes = {"images": ((HEIGHT_PX, WIDTH_PX, 3), np.uint8), "targets": ((CHANNELS, ROWS, COLUMNS), np.float16)}
    images, targets = (
        np.lib.format.open_memmap(args.out / f"{name}-{part}.npy", "w+", dtype, (len(wanted), *shape))
        for name, (shape, dtype) in shapes.items()
    )
    for row, index in enumerate(wanted):
        rng = np.random.default_rng(index)
        canvas = render(scenes, crops, rng)
        targets[row] = teacher.targets(canvas.image, [boxes / 2 for boxes in canvas.boxes])
        images[row] = halved(canvas.image, rng)[..., ::-1]


if __name__ == "__main__":
    main()
