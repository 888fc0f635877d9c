"""The labelled image sources: the folder, the licence and the permitted use of each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LABELS = ("with_mask", "without_mask", "incorrect_mask")
"""Order of the classes, as in `edge.data.CLASSES`."""

NO_FACE = len(LABELS)
"""Place of a fourth output, which rejects what the detector took for a face."""


class Role(Enum):
    """The use of a source that its licence permits."""

    TRAIN = "train"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of images.

    listing: boxes.jsonl (scenes with boxes) or crops.jsonl (one label per image).
    left_out: whether a network is trained without it, to measure and fit on faces that the network has not seen.
    optional: whether training does without it where the folder is absent.
    averages: whether some of its bare faces are averages of faces, which are recognised by their symmetry.
    """

    name: str
    listing: str
    licence: str
    role: Role
    left_out: bool = False
    optional: bool = False
    averages: bool = False

    @property
    def is_scenes(self) -> bool:
        """Whether faces are labelled with boxes."""
        return self.listing == "boxes.jsonl"


SOURCES = (
    Source(
        "scenes_andrewmvd",
        "boxes.jsonl",
        "CC0-1.0 (Kaggle, andrewmvd: Face Mask Detection)",
        Role.TRAIN,
        left_out=True,
    ),
    Source("crops_chandrikadeb7", "crops.jsonl", "MIT (chandrikadeb7: Face-Mask-Detection)", Role.TRAIN, left_out=True),
    Source("crops_techyhoney", "crops.jsonl", "MIT (techyhoney: Facemask_Detection)", Role.TRAIN, averages=True),
    Source("crops_own", "crops.jsonl", "your own, with consent", Role.TRAIN, optional=True),
    Source("scenes_own", "boxes.jsonl", "your own, with consent", Role.TRAIN, optional=True),
    Source("scenes_macwinwin", "boxes.jsonl", "none stated (MacwinWin: face_mask_dataset); test only", Role.TEST),
    Source("crops_incorrect_devtest", "crops.jsonl", "none stated (karysutariya); test only", Role.TEST),
)


@dataclass(frozen=True, slots=True)
class Background:
    """A folder of images in which a detector finds what is no face.

    sure: score from which a detection is taken for a face that nobody labelled.
    images: how many of its listing are used; the others are for testing.
    """

    name: str
    listing: str
    licence: str
    sure: float
    images: int | None = None


BACKGROUNDS = (
    Background(
        "scenes_street_cc",
        "images.jsonl",
        "CC-BY-4.0 (ATANU0023/garbage_detection_dataset, Roboflow project-shb1t)",
        sure=0.25,
        images=1000,
    ),
    Background("scenes_andrewmvd", "boxes.jsonl", "CC0-1.0 (Kaggle, andrewmvd: Face Mask Detection)", sure=0.12),
)


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One labelled image.

    label: of the whole image if the source has no boxes, else "".
    boxes: x1, y1, x2, y2 in px and label of every labelled face.
    """

    source: str
    file: str
    label: str = ""
    boxes: tuple[tuple[float, float, float, float, str], ...] = field(default=())


def cropped(work: Path) -> tuple[Source, ...]:
    """Return the sources whose faces are to be in `work`: all but the optional ones that were absent."""
    return tuple(entry for entry in SOURCES if not entry.optional or (work / "crops" / f"{entry.name}.npz").exists())


def source(name: str) -> Source:
    """Return the source with this name.

    Raises:
        KeyError: there is none.
    """
    return {entry.name: entry for entry in SOURCES}[name]


def labelled_images(root: Path, entry: Source) -> Iterator[LabelledImage]:
    """Yield the images of one source in `root`, in the order of its listing."""
    with (root / entry.name / entry.listing).open(encoding="utf-8") as lines:
        for line in lines:
            yield _labelled(entry, json.loads(line))


def _labelled(entry: Source, row: dict[str, Any]) -> LabelledImage:
    boxes = tuple((x, y, x + w, y + h, label) for x, y, w, h, label in row.get("boxes", ()))
    return LabelledImage(entry.name, row["file"], row.get("label", ""), boxes)
