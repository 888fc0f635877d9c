"""What a viewer gets of a scene in addition to the image: small enough to be sent as JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter

from edge.boxes import relative
from edge.data import Mask, NoticeState
from edge.notice.phrases import lines_of

if TYPE_CHECKING:
    from edge.data import Scene

_Share = Annotated[float, Field(ge=-16, le=16, allow_inf_nan=False)]
"""Share of the width or height of the image; a track is followed a little beyond the border."""
_Number = Annotated[float, Field(allow_inf_nan=False)]
_TEXT_CHARACTERS = 4_000
_Text = Annotated[str, Field(max_length=_TEXT_CHARACTERS)]


@dataclass(frozen=True, slots=True)
class Mark:
    """One box to draw: x1, y1, x2, y2 as shares of the image, 0 to 1; `away_m` from the camera, None if unknown."""

    box: tuple[_Share, _Share, _Share, _Share]
    mask: Mask
    confidence: Annotated[float, Field(ge=0, le=1)]
    track_id: int | None = None
    away_m: _Number | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn over one image.

    banner: the notice to the people nearby, one line per language.  thanks: whether it is a thank-you.
    decided_at: in s, on the monotonic clock of the machine.
    """

    marks: tuple[Mark, ...] = ()
    status: _Text = ""
    banner: _Text = ""
    decided_at: _Number = 0.0
    thanks: bool = False


_JSON = TypeAdapter(View)


def view_of(scene: Scene, *, status: str) -> View:
    """Return the marks of the visible tracks, the notice as a banner, and a status line."""
    size_px = scene.frame.size_px if scene.frame else (1, 1)
    marks = tuple(
        Mark(
            relative(track.box, size_px),
            track.mask,
            round(track.confidence, 3),
            track.id,
            round(track.position.distance.m, 2) if track.position else None,
        )
        for track in scene.visible
    )
    banner = lines_of(scene.notice.phrases)
    thanks = scene.notice.state is NoticeState.THANKS
    return View(marks, status[:_TEXT_CHARACTERS], banner[:_TEXT_CHARACTERS], scene.decided_at, thanks)


def to_json(view: View, max_bytes: int | None = None) -> bytes:
    """Return a view as JSON of at most `max_bytes`, leaving out marks of a crowd where needed."""
    text = _JSON.dump_json(view)
    while max_bytes is not None and len(text) > max_bytes and view.marks:
        view = replace(view, marks=view.marks[: len(view.marks) * max_bytes // (len(text) + 1)])
        text = _JSON.dump_json(view)
    return text


def from_json(content: bytes) -> View:
    """Return the view in the JSON of `to_json`.

    Raises:
        ValueError: it is not JSON, or not a view that can be drawn.
    """
    return _JSON.validate_json(content)
