"""Labelled images on disk, read and checked: scenes with boxes, or images of one face each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.capture.kinds import Kind, contents_of
from edge.data import CLASSES
from edge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from edge.data import Floats

LABELS = tuple(mask.value for mask in CLASSES)
"""The labels in the order of `edge.data.CLASSES`."""
SCENES = "boxes.jsonl"
CROPS = "crops.jsonl"
_Label = Literal["with_mask", "without_mask", "incorrect_mask"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One labelled image.

    boxes: float32 (N, 4), pixels, x1, y1, x2, y2; labels: int64 (N,), place in LABELS.
    An image of one face has one label and no box (boxes is (0, 4)): the label is that of its largest face.
    complete: every face of the image is labelled, so that a face found elsewhere is a false one.
    """

    path: Path
    boxes: Floats
    labels: NDArray[Any]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Dataset:
    """The labelled images of a folder.  is_scenes: faces are labelled by box.  sha256: of the list of labels."""

    name: str
    images: tuple[LabelledImage, ...]
    is_scenes: bool
    sha256: str


class _Line(BaseModel):
    """Other keys are ignored: some sources have hashes and sizes as well."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    file: str = Field(min_length=1)


class _Scene(_Line):
    boxes: tuple[tuple[float, float, float, float, _Label], ...]
    labels_complete: bool | None = True


class _Crop(_Line):
    label: _Label


def read_dataset(folder: Path) -> Dataset:
    """Return the images of FOLDER/boxes.jsonl, of FOLDER/crops.jsonl, or of one subfolder per label.

    Raises:
        InputError: the folder does not exist or has no labels, or a line of the listing is wrong.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    for name, of_line in ((SCENES, _scene), (CROPS, _crop)):
        listing = folder / name
        if listing.exists():
            content = _content(listing)
            images = tuple(of_line(folder, place, line) for place, line in _lines(listing, content))
            return _dataset(folder, images, content, is_scenes=name == SCENES)
    return _by_subfolder(folder)


def _dataset(folder: Path, images: tuple[LabelledImage, ...], content: bytes, *, is_scenes: bool) -> Dataset:
    if not images:
        raise InputError(f"{folder}: lists no image")
    return Dataset(folder.resolve().name, images, is_scenes, hashlib.sha256(content).hexdigest())


def _content(listing: Path) -> bytes:
    try:
        return listing.read_bytes()
    except OSError as error:
        raise InputError(f"{listing}: cannot be read: {error.strerror}") from error


def _lines(listing: Path, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield FILE:LINE and the line, without empty ones."""
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield f"{listing}:{number}", line


def _scene(folder: Path, place: str, line: bytes) -> LabelledImage:
    scene = _checked(_Scene, place, line)
    corners = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in scene.boxes], np.float32).reshape(-1, 4)
    if not (np.isfinite(corners).all() and (corners[:, 2:] >= corners[:, :2]).all()):
        raise InputError(f"{place}: boxes: a box is x, y, width, height in pixels, finite, no side negative")
    return LabelledImage(
        folder / scene.file, corners, _places(box[4] for box in scene.boxes), bool(scene.labels_complete)
    )


def _crop(folder: Path, place: str, line: bytes) -> LabelledImage:
    crop = _checked(_Crop, place, line)
    return _single(folder / crop.file, crop.label)


_T = TypeVar("_T", bound=_Line)


def _checked(kind: type[_T], place: str, line: bytes) -> _T:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{place}: {where + ': ' if where else ''}{first['msg']}") from error


def _single(path: Path, label: str) -> LabelledImage:
    return LabelledImage(path, np.zeros((0, 4), np.float32), _places([label]))


def _places(labels: Iterator[str] | list[str]) -> NDArray[Any]:
    return np.array([LABELS.index(label) for label in labels], np.int64)


def _by_subfolder(folder: Path) -> Dataset:
    images = tuple(
        _single(path, label)
        for label in LABELS
        if (folder / label).is_dir()
        for path, _ in contents_of(folder / label, [Kind.IMAGE]).files
    )
    if not images:
        raise InputError(
            f"{folder}: has no labelled images; expected {SCENES}, {CROPS}, or one folder per label: "
            + ", ".join(LABELS)
        )
    names = "\n".join(f"{image.path.parent.name}/{image.path.name}" for image in images)
    return _dataset(folder, images, names.encode(), is_scenes=False)
