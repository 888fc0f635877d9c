"""Render training scenes for the small face detector, labelled by CenterFace as the teacher.

    python -m models.train.face.scenes PICTURES --survey SURVEY.json --out CACHE --count 8000 [--part 0/8]

Writes CACHE/images-PART.npy, uint8 (N, 256, 320, 3) RGB, and CACHE/targets-PART.npy, float16 (N, 15, 64, 80): heat,
size, offset, landmarks as in `edge.detect.centerface.decode`. Scene i depends only on i and the images.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.face.canvas import Canvas, Placing, paste
from models.train.face.clutter import covered, strew
from models.train.face.labels import corrected
from models.train.face.maps import CHANNELS, COLUMNS, HEIGHT_PX, ROWS, WIDTH_PX
from models.train.face.photos import read_crops, read_scenes, read_streets, turned
from models.train.face.survey import read_survey
from models.train.face.teacher import Teacher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Image
    from models.train.face.photos import Photo

_GREY = 127
_TURNED_WEIGHT = 4
_STYLES = {"scene": 0.26, "crop": 0.12, "mosaic": 0.2, "crowd": 0.14, "street": 0.18, "streets": 0.1}
_COVERED_SHARE = 0.15
_STREWN_SHARE = 0.3
_ROLLED_SHARE = 0.15
_MAX_ROLL_DEG = 45
_BENT_SHARE = 0.15
_BENT = (0.72, 0.95)
"""Height of a face that is bent down, of its height upright."""


@dataclass(frozen=True, slots=True)
class Album:
    """The photographs to choose from."""

    scenes: Sequence[Photo]
    crops: Sequence[Photo]
    streets: Sequence[Photo]
    shares: Sequence[float] = field(init=False)

    def __post_init__(self) -> None:
        """Weight turned heads."""
        weights = np.array([_TURNED_WEIGHT if turned(photo) else 1 for photo in self.crops], float)
        object.__setattr__(self, "shares", np.cumsum(weights / weights.sum()))

    @classmethod
    def read(cls, pictures: Path, survey: Path) -> Album:
        """Return all photographs, in memory."""
        faces = read_survey(survey)
        return cls(read_scenes(pictures), read_crops(pictures, faces), read_streets(pictures, faces))

    def scene(self, rng: np.random.Generator) -> Photo:
        """Return a scene."""
        return self.scenes[int(rng.integers(len(self.scenes)))]

    def street(self, rng: np.random.Generator) -> Photo:
        """Return a street without people."""
        return self.streets[int(rng.integers(len(self.streets)))]

    def crop(self, rng: np.random.Generator) -> Photo:
        """Return an image of a face, turned heads more often, at random with something before it."""
        row = int(np.searchsorted(self.shares, rng.random()))
        photo = self.crops[min(row, len(self.crops) - 1)]
        return covered(photo, rng) if rng.random() < _COVERED_SHARE else photo


def render(album: Album, rng: np.random.Generator) -> Canvas:
    """Return a random scene."""
    style = str(rng.choice(list(_STYLES), p=list(_STYLES.values())))
    canvas = Canvas(_background(album, rng))
    if style in {"scene", "crowd"}:
        _one(canvas, album.scene(rng), rng)
    elif style == "crop":
        _one(canvas, album.crop(rng), rng)
    elif style == "street":
        _one(canvas, album.street(rng), rng)
    else:
        _mosaic(canvas, album, rng, streets=style == "streets")
    if style == "crowd" or (style == "street" and rng.random() < 0.4):
        _scatter(canvas, album, rng)
    if rng.random() < _STREWN_SHARE:
        strew(canvas, rng)
    return canvas


def _background(album: Album, rng: np.random.Generator) -> Image:
    """Return the grey of the letterbox, a plain colour, or a blurred scene."""
    height, width = 2 * HEIGHT_PX, 2 * WIDTH_PX
    kind = rng.random()
    if kind < 0.6:
        return np.full((height, width, 3), _GREY, np.uint8)
    if kind < 0.8:
        return np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (height, width, 3)).copy()
    image = cv2.resize(album.scene(rng).image, (width // 16, height // 16), interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def _one(canvas: Canvas, photo: Photo, rng: np.random.Generator) -> None:
    """Fit an image to the top left as the letterbox does, or paste it enlarged and cut off, or smaller."""
    height, width = canvas.image.shape[:2]
    fit = min(width / photo.image.shape[1], height / photo.image.shape[0])
    zoom = float(rng.choice([1.0, np.exp(rng.uniform(-1.0, 0)), np.exp(rng.uniform(0, 1.0))], p=[0.5, 0.25, 0.25]))
    spare = np.array([width, height]) - np.array(photo.image.shape[1::-1]) * fit * zoom
    at = spare * rng.random(2) if zoom != 1 else np.zeros(2)
    turn = _roll(rng) if rng.random() < 0.4 else 0.0
    paste(canvas, photo, Placing((0, 0, width, height), fit * zoom, at, turn, _bend(rng), rng.random() < 0.5))


def _mosaic(canvas: Canvas, album: Album, rng: np.random.Generator, *, streets: bool) -> None:
    """Fill the canvas with tiles: many small faces, and borders that are not faces."""
    count = int(rng.choice([2, 3, 4, 6, 8]))
    height, width = canvas.image.shape[0] // count, canvas.image.shape[1] // count
    for cell in range(count * count):
        kind = rng.random()
        if streets:
            photo = album.street(rng) if kind < 0.85 else album.crop(rng)
        else:
            photo = album.scene(rng) if kind < 1 / count else album.crop(rng)
        scale = max(width / photo.image.shape[1], height / photo.image.shape[0]) * float(rng.uniform(0.8, 1.3))
        spare = np.array([width, height]) - np.array(photo.image.shape[1::-1]) * scale
        box = (cell % count * width, cell // count * height, width, height)
        paste(canvas, photo, Placing(box, scale, spare * rng.random(2), _roll(rng), _bend(rng), rng.random() < 0.5))


def _scatter(canvas: Canvas, album: Album, rng: np.random.Generator) -> None:
    """Paste single faces of any size anywhere."""
    height, width = canvas.image.shape[:2]
    for _ in range(int(rng.integers(2, 10))):
        photo = album.crop(rng)
        side = float(np.exp(rng.uniform(np.log(28), np.log(260))))
        scale = side / max(photo.image.shape[:2])
        w, h = (max(8, int(n * scale)) for n in photo.image.shape[1::-1])
        box = (int(rng.integers(0, width - w)), int(rng.integers(0, height - h)), w, h)
        turn = _roll(rng) if rng.random() < 0.5 else 0.0
        paste(canvas, photo, Placing(box, scale, np.zeros(2), turn, 1.0, rng.random() < 0.5))


def _roll(rng: np.random.Generator) -> float:
    """Return a roll in degrees: mostly a few."""
    return float(rng.uniform(-_MAX_ROLL_DEG, _MAX_ROLL_DEG) if rng.random() < _ROLLED_SHARE else rng.normal(0, 6))


def _bend(rng: np.random.Generator) -> float:
    return float(rng.uniform(*_BENT)) if rng.random() < _BENT_SHARE else 1.0


def halved(image: Image, rng: np.random.Generator) -> Image:
    """Return the image at half size, at random with the aliasing of a nearest-neighbour resize."""
    how = cv2.INTER_NEAREST if rng.random() < 0.25 else cv2.INTER_AREA
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=how)  # type: ignore[return-value]


def render_part(album: Album, out: Path, wanted: Sequence[int], part: int) -> None:
    """Write the scenes with the numbers in `wanted`; nothing has the final name until all of them are rendered."""
    teacher = Teacher()
    shapes = {"images": ((HEIGHT_PX, WIDTH_PX, 3), np.uint8), "targets": ((CHANNELS, ROWS, COLUMNS), np.float16)}
    unfinished = {name: out / f"unfinished-{name}-{part}.npy" for name in shapes}
    images, targets = (
        np.lib.format.open_memmap(unfinished[name], "w+", dtype, (len(wanted), *shape))
        for name, (shape, dtype) in shapes.items()
    )
    for row, index in enumerate(wanted):
        rng = np.random.default_rng(index)
        canvas = render(album, rng)
        targets[row] = corrected(teacher.targets(canvas.image), canvas)
        images[row] = halved(canvas.image, rng)[..., ::-1]
    for name, path in reversed(unfinished.items()):
        path.rename(out / f"{name}-{part}.npy")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--survey", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--part", default="0/1", help="which of how many parts to render")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    part, parts = map(int, args.part.split("/"))
    args.out.mkdir(parents=True, exist_ok=True)
    render_part(Album.read(args.pictures, args.survey), args.out, range(part, args.count, parts), part)


if __name__ == "__main__":
    main()
