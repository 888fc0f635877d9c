"""Measure which faces a detector still finds in pixelated images, and write a contact sheet for inspection.

    python -m benchmarks.blur SCENES [--sheet sheet.jpg] [--json FILE]

SCENES has boxes.jsonl and images; the detector is that of the profile quality. `all` covers whole images, as the web
page and snapshots do while the background is unknown; `faces` covers the faces that the profile live found, and shows
why that is not the default.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from edge.boxes import iou
from edge.capture.files import read_image
from edge.data import Faces, Frame, Scene, Track
from edge.privacy.background import BackgroundModel
from edge.privacy.pixelate import Cover, Pixelation
from edge.settings.load import load
from edge.stages import load_models

if TYPE_CHECKING:
    from edge.data import Image
    from edge.detect import Detector

_MIN_SIDE_PX = 16.0
_IOU = 0.3
_SHEET_IMAGES = 50
_TILE_PX = 300


def frame_of(image: Image) -> Frame:
    """Return an image as a frame."""
    return Frame(image, 0, at=0.0, read_at=0.0)


def covered(image: Image, cover: Cover, live: Detector, cells: int) -> Image:
    """Return an image as the product covers it."""
    faces = live.detect(frame_of(image))
    tracks = tuple(Track(k, tuple(map(float, box)), k, 0.0, 0.0) for k, box in enumerate(faces.boxes))
    scene = Scene(frame_of(image), Faces.none(), tracks, (), 0.0)
    picture = Pixelation(cover, BackgroundModel(), cells=cells).picture(scene)
    return image if picture is None else picture


def found(image: Image, truth: np.ndarray, detector: Detector) -> np.ndarray:
    """Return which labelled boxes, float32 (N, 4), a detector finds, bool (N,)."""
    boxes = detector.detect(frame_of(image)).boxes
    if not len(boxes) or not len(truth):
        return np.zeros(len(truth), bool)
    return np.asarray(iou(truth, boxes).max(1) >= _IOU)


def side_on(image: Image, truth: np.ndarray, detector: Detector) -> list[bool]:
    """Return which labelled faces are side-on: the nose is within a fifth of the eye distance of one eye's x."""
    faces = detector.detect(frame_of(image))
    if not len(truth) or not len(faces) or faces.landmarks is None:
        return [False] * len(truth)
    overlap = iou(truth, faces.boxes)
    left, right, nose = (faces.landmarks[overlap.argmax(1), point, 0] for point in range(3))
    place = (nose - left) / np.maximum(right - left, 1e-6)
    return list((overlap.max(1) >= _IOU) & ((place < 0.2) | (place > 0.8)))


def measure(folder: Path, cells: int) -> tuple[Counter[tuple[str, str]], list[Image]]:
    """Return faces by (kind, "labelled" | "plain" | cover), and the covered images with the most faces found."""
    settings = load().settings
    live, strong = (load_models(settings, profile=profile).detector for profile in ("live", "quality"))
    counts: Counter[tuple[str, str]] = Counter()
    tiles: list[tuple[int, Image]] = []
    for line in progress((folder / "boxes.jsonl").read_text("utf-8").splitlines(), description=folder.name):
        row = json.loads(line)
        image = read_image(folder / row["file"])
        kept = [b for b in row["boxes"] if min(b[2:4]) >= _MIN_SIDE_PX]
        truth = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in kept], np.float32).reshape(-1, 4)
        shown = {"plain": image} | {c.value: covered(image, c, live, cells) for c in (Cover.ALL, Cover.FACES)}
        seen = {name: found(picture, truth, strong) for name, picture in shown.items()}
        sides = side_on(image, truth, strong)
        kinds = [{box[4]} | ({"side-on"} if side else set()) for box, side in zip(kept, sides, strict=True)]
        for name, hits in [("labelled", np.ones(len(kept), bool)), *seen.items()]:
            counts.update((kind, name) for of, hit in zip(kinds, hits, strict=True) if hit for kind in of)
        tiles.append((int(seen["all"].sum()), tile(shown["all"])))
    tiles.sort(key=lambda pair: -pair[0])
    return counts, [picture for _, picture in tiles[:_SHEET_IMAGES]]


def tile(image: Image) -> Image:
    """Return an image fitted into a square."""
    scale = _TILE_PX / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)[:_TILE_PX, :_TILE_PX]
    square = np.zeros((_TILE_PX, _TILE_PX, 3), np.uint8)
    square[: small.shape[0], : small.shape[1]] = small
    return square


def main() -> None:
    """Print the table, and write the sheet and the figures if requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--cells", type=int, default=load().settings.privacy.cells)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    counts, tiles = measure(args.scenes, args.cells)
    table = Table("label", "faces", "found plain", "found, all covered", "found, faces covered")
    for label in sorted({label for label, _ in counts}):
        total = counts[label, "labelled"]
        shares = [f"{counts[label, name]} ({counts[label, name] / total:.1%})" for name in ("plain", "all", "faces")]
        table.add_row(label, str(total), *shares)
    Console().print(table)
    if args.json:
        args.json.write_text(json.dumps({f"{a} {b}": n for (a, b), n in sorted(counts.items())}, indent=1) + "\n")
    if args.sheet:
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 10)
        cv2.imwrite(str(args.sheet), np.vstack([np.hstack(tiles[k : k + 10]) for k in range(0, len(tiles), 10)]))


if __name__ == "__main__":
    main()
