"""The labels of a folder: its boxes.jsonl, which `maskwatch evaluate` and `make models` read.

In addition to what docs/measuring.md describes, each line has `poses` for each box, and `not_faces`, boxes of what a
detector took for a face; all readers but this one ignore both.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.errors import InputError, OutputError
from edge.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

LISTING = "boxes.jsonl"
NOT_A_FACE: Final = "not_a_face"
Label = Literal["with_mask", "without_mask", "incorrect_mask", "not_a_face"]
Pose = Literal["frontal", "three_quarter", "profile", "bent"]
_Word = Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")]
_Side = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
_Length = Annotated[float, Field(ge=1, le=100_000, allow_inf_nan=False)]


class Face(BaseModel):
    """One face: box is x, y, width, height in pixels of the upright image; without a label it is not decided yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    box: tuple[_Side, _Side, _Length, _Length]
    label: Label | None = None
    kind: _Word | None = None
    pose: Pose | None = None


class Photograph(BaseModel):
    """What is known of one photograph; its faces are all that it has once each has a label."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    faces: Annotated[tuple[Face, ...], Field(max_length=500)]

    @property
    def is_complete(self) -> bool:
        """Whether every face has a label."""
        return all(face.label for face in self.faces)


class Listing:
    """The lines of a folder's boxes.jsonl by file, written whole after each change."""

    def __init__(self, folder: Path) -> None:
        """Read what is there.

        Raises:
            InputError: the folder is a dataset of single faces, or a line cannot be read.
        """
        self._path = folder / LISTING
        if (folder / "crops.jsonl").exists() and not self._path.exists():
            raise InputError(f"{folder}: is a dataset of single faces (crops.jsonl); fix: label in another folder")
        self._rows: dict[str, dict[str, Any]] = {}
        if self._path.exists():
            for number, line in enumerate(_text(self._path).splitlines(), 1):
                if line.strip():
                    row = _row(f"{self._path}:{number}", line)
                    self._rows[row["file"]] = row

    def of(self, file: str) -> Photograph | None:
        """Return the labels of a photograph, None if it has none yet."""
        return _photograph(self._rows[file]) if file in self._rows else None

    def is_complete(self, file: str) -> bool:
        """Return whether every face of a photograph has a label."""
        return bool(self._rows.get(file, {"labels_complete": False}).get("labels_complete", True))

    def put(self, file: str, photograph: Photograph) -> None:
        """Keep the labels of a photograph; keys of its line that others have written stay.

        Raises:
            OutputError: the file cannot be written; nothing is lost of what it held.
        """
        rows = {**self._rows, file: self._rows.get(file, {}) | {"file": file} | _columns(photograph)}
        content = "".join(f"{json.dumps(rows[name], ensure_ascii=False)}\n" for name in sorted(rows))
        try:
            with replacing(self._path.resolve(), durable=True) as draft:
                draft.write_text(content, "utf-8")
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from error
        self._rows = rows


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _row(place: str, line: str) -> dict[str, Any]:
    """Return a line that has what is shown of it."""
    try:
        row: dict[str, Any] = json.loads(line)
        if not isinstance(row["file"], str):
            raise InputError(f"{place}: file: must be a text")
        _photograph(row)
    except ValidationError as error:
        raise InputError(f"{place}: {error.errors()[0]['msg']}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{place}: is no line of {LISTING}: {error}; fix: see docs/measuring.md") from error
    return row


def _photograph(row: dict[str, Any]) -> Photograph:
    boxes = row["boxes"]
    kinds, poses = (row.get(key) or [None] * len(boxes) for key in ("kinds", "poses"))
    faces = [
        Face(box=box[:4], label=box[4], kind=kind, pose=pose)
        for box, kind, pose in zip(boxes, kinds, poses, strict=True)
    ]
    faces += [Face(box=box, label=NOT_A_FACE) for box in row.get("not_faces") or ()]
    return Photograph(faces=tuple(faces))


def _columns(photograph: Photograph) -> dict[str, Any]:
    faces = [face for face in photograph.faces if face.label and face.label != NOT_A_FACE]
    return {
        "labels_complete": photograph.is_complete,
        "boxes": [[*face.box, face.label] for face in faces],
        "kinds": [face.kind for face in faces],
        "poses": [face.pose for face in faces],
        "not_faces": [list(face.box) for face in photograph.faces if face.label == NOT_A_FACE],
    }
