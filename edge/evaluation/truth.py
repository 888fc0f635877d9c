"""The truth file of video clips, read and checked: who is without a mask from when to when."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.capture.video import VideoSource
from edge.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from edge.data import Box

CLIPS = "clips.toml"
_END_S = 1.0
"""Containers round their length: a time may be this long after it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Bare(_Strict):
    """One person without a mask.

    from_s, to_s: seconds since the clip's first frame.  box: the area in which the face is, x, y, width, height in
    pixels, drawn generously; None: anywhere.  to_box: the area at `to_s`, if it moves; it does so steadily.
    """

    from_s: float = Field(ge=0)
    to_s: float
    box: tuple[float, float, float, float] | None = None
    to_box: tuple[float, float, float, float] | None = None

    @property
    def duration_s(self) -> float:
        """How long the person is without a mask."""
        return self.to_s - self.from_s

    def distance(self, face: Box, at: float) -> float | None:
        """Return how far the centre of a face is from that of the area, in pixels; None outside the area."""
        if self.box is None:
            return float("inf")
        share = min(max((at - self.from_s) / max(self.duration_s, 1e-9), 0.0), 1.0)
        x, y, width, height = np.array(self.box) * (1 - share) + np.array(self.to_box or self.box) * share
        right, down = ((face[0] + face[2]) / 2 - x, (face[1] + face[3]) / 2 - y)
        inside = 0 <= right <= width and 0 <= down <= height
        return float(np.hypot(right - width / 2, down - height / 2)) if inside else None


class _Clip(_Strict):
    file: str = Field(min_length=1)
    bare: tuple[Bare, ...] = ()


class _Truth(_Strict):
    clip: tuple[_Clip, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Clip:
    """A video and the people without a mask in it."""

    path: Path
    bare: tuple[Bare, ...]


def truth_file(dataset: Path) -> Path | None:
    """Return the truth file if a dataset is one, or a folder with one; None if it is neither."""
    if dataset.suffix == ".toml" and not dataset.is_dir():
        return dataset
    named = dataset / CLIPS
    return named if named.is_file() else None


def read_clips(path: Path) -> tuple[Clip, ...]:
    """Return the clips of a truth file; their paths are relative to its folder.

    Raises:
        InputError: the file or a clip does not exist, a key is unknown or missing, or a time is not in the clip.
        CameraError: a clip is not a video.
    """
    try:
        truth = _Truth.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {_place(first['loc'])}: {_reason(first)}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: is not TOML: {error}") from error
    return tuple(_checked(path, number, clip) for number, clip in enumerate(truth.clip, 1))


def _place(loc: tuple[int | str, ...]) -> str:
    """Return the place of an error as a person counts: clip 2: bare 1: to_s."""
    words = [f" {part + 1}" if isinstance(part, int) else f": {part}" for part in loc]
    return "".join(words).removeprefix(": ")


def _reason(error: Any) -> str:  # noqa: ANN401 - pydantic's own dictionary
    return "unknown key" if error["type"] == "extra_forbidden" else str(error["msg"])


def _checked(truth: Path, number: int, clip: _Clip) -> Clip:
    path = truth.parent / clip.file
    place = f"{truth}: clip {number}"
    if not path.is_file():
        raise InputError(f"{place}: file: {path}: no such file")
    source = VideoSource(path)
    end_s = source.expected_frames / source.rate_hz
    source.close()
    for person, bare in enumerate(clip.bare, 1):
        where = f"{place}: bare {person}"
        if bare.to_s <= bare.from_s:
            raise InputError(f"{where}: to_s is {bare.to_s:g}, which is not after from_s, {bare.from_s:g}")
        if end_s and bare.to_s > end_s + _END_S:
            raise InputError(f"{where}: to_s is {bare.to_s:g}, but {path.name} ends after {end_s:.1f} s")
        if any(side < 0 for box in (bare.box, bare.to_box) if box for side in box[2:]):
            raise InputError(f"{where}: box: is x, y, width, height in pixels, no side negative")
        if bare.to_box and not bare.box:
            raise InputError(f"{where}: to_box is where box moves to; give box too")
    return Clip(path, clip.bare)
