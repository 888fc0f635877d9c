"""Show the surest mistakes on a test source, to be looked at: a contact sheet that stays in WORK.

    python -m models.train.worst PICTURES WORK [--mask models/mask] [--face models/face/quality] [--count 10]

Writes WORK/worst.png; each face says label > verdict and its confidence.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.boxes import iou
from edge.classify.crop import crop_face
from models.train.judge import judge_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

_TILE_PX, _COLUMNS = 140, 10
_IOU = 0.3


def mistakes(folder: Path, face: Path, mask: Path) -> Iterator[tuple[float, Image]]:
    """Yield (confidence, captioned crop) of every face of a scenes folder that was judged wrong."""
    truth = [json.loads(line) for line in (folder / "boxes.jsonl").read_text("utf-8").splitlines()]
    for scene, row in zip(truth, judge_folder(folder, face, mask, "plain"), strict=True):
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in scene["boxes"]], np.float32).reshape(-1, 4)
        for found in row["faces"] if len(boxes) else []:
            overlap = iou(np.array([found["box"]], np.float32), boxes)[0]
            label = scene["boxes"][int(overlap.argmax())][4]
            if overlap.max() >= _IOU and found["label"] not in {label, "unsure"}:
                crop = _crop(folder / scene["file"], found["box"])
                yield (
                    found["confidence"],
                    _captioned(crop, f"{label[:7]}>{found['label'][:7]} {found['confidence']:.2f}"),
                )


def _crop(path: Path, box: list[float]) -> Image:
    image = np.asarray(cv2.imread(str(path)), np.uint8)
    return crop_face(image, np.array(box, np.float32), size_px=_TILE_PX, margin=0.25)


def _captioned(crop: Image, words: str) -> Image:
    tile = np.vstack([crop, np.zeros((18, _TILE_PX, 3), np.uint8)])
    return np.asarray(cv2.putText(tile, words, (2, _TILE_PX + 13), 0, 0.36, (255, 255, 255), 1, cv2.LINE_AA), np.uint8)


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
    found = sorted(mistakes(args.pictures / args.source, args.face, args.mask), key=lambda pair: -pair[0])
    tiles = [tile for _, tile in found[: args.count]]
    tiles += [np.zeros((_TILE_PX + 18, _TILE_PX, 3), np.uint8)] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    cv2.imwrite(str(args.work / "worst.png"), np.vstack(rows))


if __name__ == "__main__":
    main()
