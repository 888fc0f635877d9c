"""Labelled images on disk, read and checked: scenes with boxes, images of one face each, or images without people."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.capture.kinds import Kind, contents_of
from edge.data import CLASSES
from edge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from edge.data import Floats

LABELS = tuple(mask.value for mask in CLASSES)
"""The labels in the order of `edge.data.CLASSES`."""
SCENES = "boxes.jsonl"
CROPS = "crops.jsonl"
_Label = Literal["with_mask", "without_mask", "incorrect_mask"]
_Kind = Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")]
_Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One labelled image.

    boxes: float32 (N, 4), pixels, x1, y1, x2, y2; labels: int64 (N,), place in LABELS.
    An image of one face has one label and no box (boxes is (0, 4)): the label is that of its largest face.
    complete: every face of the image is labelled, so that a face found elsewhere is a false one.
    ignored: float32 (M, 4), regions in which a face found elsewhere counts neither as right nor as false.
    kinds: the kinds of each face, such as "beard"; empty if none has any.
    """

    path: Path
    boxes: Floats
    labels: NDArray[Any]
    complete: bool = True
    ignored: Floats = field(default_factory=lambda: corners(()))
    kinds: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """The labelled images of a folder.  is_scenes: faces are labelled by box.  sha256: of the list of labels."""

    name: str
    images: tuple[LabelledImage, ...]
    is_scenes: bool
    sha256: str

    @property
    def kinds(self) -> dict[str, NDArray[Any]]:
        """Each kind that is named, and which of all F labelled faces are of it, bool (F,)."""
        none: frozenset[str] = frozenset()
        of_faces = [kinds for image in self.images for kinds in image.kinds or (none,) * len(image.labels)]
        return {kind: np.array([kind in kinds for kinds in of_faces]) for kind in sorted(none.union(*of_faces))}


class _Line(BaseModel):
    """Other keys are ignored: some sources have hashes and sizes as well."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    file: str = Field(min_length=1)
    kind: _Kind | None = None


class _Scene(_Line):
    boxes: tuple[tuple[float, float, float, float, _Label], ...]
    labels_complete: bool | None = True
    ignore: tuple[_Rectangle, ...] = ()
    kinds: tuple[_Kind | None, ...] | None = None


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
    boxes, ignored = corners(box[:4] for box in scene.boxes), corners(scene.ignore)
    for key, rectangles in (("boxes", boxes), ("ignore", ignored)):
        if not (np.isfinite(rectangles).all() and (rectangles[:, 2:] >= rectangles[:, :2]).all()):
            raise InputError(f"{place}: {key}: a box is x, y, width, height in pixels, finite, no side negative")
    of_boxes = (None,) * len(boxes) if scene.kinds is None else scene.kinds
    if len(of_boxes) != len(boxes):
        raise InputError(
            f"{place}: kinds: has {len(of_boxes)} entries for {len(boxes)} boxes; use null for a box without"
        )
    return LabelledImage(
        folder / scene.file,
        boxes,
        _places(box[4] for box in scene.boxes),
        bool(scene.labels_complete),
        ignored,
        tuple(_kinds(scene.kind, kind) for kind in of_boxes),
    )


def corners(rectangles: Iterable[_Rectangle]) -> Floats:
    """Return float32 (N, 4), x1, y1, x2, y2, of rectangles given as x, y, width, height."""
    return np.array([[x, y, x + w, y + h] for x, y, w, h in rectangles], np.float32).reshape(-1, 4)


def _kinds(*named: str | None) -> frozenset[str]:
    return frozenset(kind for kind in named if kind)


def _crop(folder: Path, place: str, line: bytes) -> LabelledImage:
    crop = _checked(_Crop, place, line)
    return _single(folder / crop.file, crop.label, crop.kind)


_T = TypeVar("_T", bound=_Line)


def _checked(kind: type[_T], place: str, line: bytes) -> _T:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{place}: {where + ': ' if where else ''}{first['msg']}") from error


def _single(path: Path, label: str, kind: str | None = None) -> LabelledImage:
    return LabelledImage(path, corners(()), _places([label]), kinds=(_kinds(kind),))


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
    return _dataset(folder, images, _names(images), is_scenes=False)


def read_empty(folder: Path) -> Dataset:
    """Return the images of a folder as scenes in which nobody is, so that every face found is a false one.

    Raises:
        InputError: the folder does not exist or has no image.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    images = tuple(LabelledImage(path, corners(()), _places([])) for path, _ in contents_of(folder, [Kind.IMAGE]).files)
    if not images:
        raise InputError(f"{folder}: has no image")
    return _dataset(folder, images, _names(images), is_scenes=True)


def _names(images: Iterable[LabelledImage]) -> bytes:
    return "\n".join(f"{image.path.parent.name}/{image.path.name}" for image in images).encode(
        "utf-8", "surrogateescape"
    )
