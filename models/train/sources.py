"""The labelled sources that a picture folder may hold: where each lies, its licence, and what it may be used for."""

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


class Role(Enum):
    """What the licence lets a source be used for."""

    TRAIN = "train"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of pictures.  listing: boxes.jsonl (scenes with boxes) or crops.jsonl (one label a picture)."""

    name: str
    listing: str
    licence: str
    role: Role

    @property
    def is_scenes(self) -> bool:
        """True where faces are labelled by box."""
        return self.listing == "boxes.jsonl"


SOURCES = (
    Source("scenes_andrewmvd", "boxes.jsonl", "CC0-1.0 (Kaggle, andrewmvd: Face Mask Detection)", Role.TRAIN),
    Source("crops_chandrikadeb7", "crops.jsonl", "MIT (chandrikadeb7: Face-Mask-Detection)", Role.TRAIN),
    Source("scenes_macwinwin", "boxes.jsonl", "none stated (MacwinWin: face_mask_dataset); test only", Role.TEST),
    Source("crops_incorrect_devtest", "crops.jsonl", "none stated (karysutariya); test only", Role.TEST),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One labelled picture.

    label: of the whole picture where the source has no boxes, else "".
    boxes: x1, y1, x2, y2 in px and label of every labelled face.
    """

    source: str
    file: str
    label: str = ""
    boxes: tuple[tuple[float, float, float, float, str], ...] = field(default=())


def source(name: str) -> Source:
    """Return the source of that name.

    Raises:
        KeyError: there is none.
    """
    return {entry.name: entry for entry in SOURCES}[name]


def pictures(root: Path, entry: Source) -> Iterator[Picture]:
    """Yield the pictures of one source below `root`, in the order of its listing."""
    with (root / entry.name / entry.listing).open(encoding="utf-8") as lines:
        for line in lines:
            yield _picture(entry, json.loads(line))


def _picture(entry: Source, row: dict[str, Any]) -> Picture:
    boxes = tuple((x, y, x + w, y + h, label) for x, y, w, h, label in row.get("boxes", ()))
    return Picture(entry.name, row["file"], row.get("label", ""), boxes)
