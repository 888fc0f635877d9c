"""The photographs that scenes are rendered from, with the faces in them.

Faces come from labels and from a survey: CenterFace examines every photograph once, to know how far single faces are
turned, and what in a street without people is not a face.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from models.train.face.images import image_files, read_bgr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from edge.data import Faces, Floats, Image

SCENES = "scenes_andrewmvd"
SHARP = "scenes_maskwearing_pd"
CROPS = ("crops_chandrikadeb7", "crops_techyhoney")
STREETS = "scenes_street_cc"
STREETS_COUNT = 1000
"""The first so many street images are for training and tuning, the others for testing."""
_HELD_OUT_SHARE = 6
_SAME_SCENE = 0.99
"""Correlation from which a sharp scene is the original of a labelled one: of 149, 148 have .998 and one has .536."""
_THUMB_PX = 32
_AVERAGES = range(1192, 1296)
"""Numbers in crops_techyhoney of what are mostly averages of many faces; found by eye, like the drawings."""
_DRAWINGS = frozenset({1314, 1431, 1432, 1570, 1571, 1608, 1612, 1634, 1652, 1672, 1674, 1684, 1743})


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph, BGR, and its faces.

    boxes: float32 (N, 4) x1, y1, x2, y2 of labelled faces.  landmarks: float32 (N, 5, 2), NaN where unknown.
    maybe: float32 (M, 4), where in a photograph without people there may be faces all the same; None: people.
    """

    image: Image
    boxes: Floats
    landmarks: Floats
    maybe: Floats | None = None


Survey = dict[str, "Faces"]
"""What CenterFace finds in each file, by source and file name."""


def held_out(name: str) -> bool:
    """Return whether a labelled scene is kept for testing: one in six, by the hash of its file name."""
    return hashlib.sha256(name.encode()).digest()[0] % _HELD_OUT_SHARE == 0


def scene_rows(pictures: Path) -> list[dict[str, Any]]:
    """Return the labelled scenes that are not held out; `sharp` is the path of the larger original, if there is one."""
    folder = pictures / SCENES
    rows = [json.loads(line) for line in (folder / "boxes.jsonl").open(encoding="utf-8")]
    thumbs = np.stack([_thumb(folder / row["file"]) for row in rows])
    for path in image_files(pictures / SHARP):
        likeness = thumbs @ _thumb(path)
        if likeness.max() >= _SAME_SCENE:
            rows[int(likeness.argmax())]["sharp"] = path
    return [row for row in rows if not held_out(row["file"].split("/")[-1])]


def _thumb(path: Path) -> Floats:
    """Return a grey thumbnail as a unit vector."""
    grey = cv2.cvtColor(read_bgr(path), cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)


def read_scenes(pictures: Path) -> list[Photo]:
    """Return the labelled scenes that are not held out, as their larger originals where there are any."""
    return [_scene(pictures / SCENES / row["file"], row) for row in scene_rows(pictures)]


def _scene(path: Path, row: dict[str, Any]) -> Photo:
    image = read_bgr(row.get("sharp", path))
    corners = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in row["boxes"]], np.float32).reshape(-1, 4)
    larger = np.array(image.shape[1::-1], np.float32) / (row["width"], row["height"])
    return Photo(image, corners * np.tile(larger, 2).astype(np.float32), _unknown(len(corners)))


def crop_files(pictures: Path) -> Iterator[tuple[str, Path]]:
    """Yield source and file of the images of single faces that are photographs."""
    for source in CROPS:
        for path in image_files(pictures / source):
            if source != "crops_techyhoney" or _photographed(path):
                yield source, path


def _photographed(path: Path) -> bool:
    number = int(path.stem)
    return path.parent.name == "with_mask" or (number not in _AVERAGES and number not in _DRAWINGS)


def street_files(pictures: Path) -> list[Path]:
    """Return the street images for training and tuning."""
    return image_files(pictures / STREETS)[:STREETS_COUNT]


def read_crops(pictures: Path, survey: Mapping[str, Faces]) -> list[Photo]:
    """Return the images of single faces in which the survey found one."""
    found = [(path, survey[key(source, path)]) for source, path in crop_files(pictures)]
    return [Photo(read_bgr(path), faces.boxes, faces.landmarks) for path, faces in found if len(faces)]  # type: ignore[arg-type]


def read_streets(pictures: Path, survey: Mapping[str, Faces]) -> list[Photo]:
    """Return the street images; nobody is near in them."""
    none = np.zeros((0, 4), np.float32)
    files = street_files(pictures)
    return [Photo(read_bgr(path), none, _unknown(0), survey[key(STREETS, path)].boxes) for path in files]


def key(source: str, path: Path) -> str:
    """Return the name of a file in the survey."""
    return f"{source}/{path.parent.name}/{path.name}"


def turned(photo: Photo) -> bool:
    """Return whether the largest face is in three-quarter view or in profile."""
    if not len(photo.boxes):
        return False
    row = int((photo.boxes[:, 2] - photo.boxes[:, 0]).argmax())
    return eye_distance(photo.boxes[row], photo.landmarks[row]) < TURNED


TURNED = 0.38
"""Eye distance in box widths: about .45 from the front, below .30 in profile."""


def eye_distance(box: Floats, landmarks: Floats) -> float:
    """Return the distance of the eyes, in widths of the box."""
    return float(np.linalg.norm(landmarks[1] - landmarks[0]) / max(float(box[2] - box[0]), 1e-6))


def _unknown(count: int) -> Floats:
    return np.full((count, 5, 2), np.nan, np.float32)
