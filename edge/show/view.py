"""What a viewer needs of a scene, apart from the picture: small enough to be JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edge.data import Mask

if TYPE_CHECKING:
    from edge.data import Scene


@dataclass(frozen=True, slots=True)
class Mark:
    """One box to draw: shares of the picture, 0 to 1, x1, y1, x2, y2; `away_m` from the camera, None: not known."""

    box: tuple[float, float, float, float]
    mask: Mask
    confidence: float
    track_id: int | None = None
    away_m: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn over one picture.

    banner: what the people nearby are told, one line a language.  thanks: whether that is a thank-you.
    decided_at: s on the machine's monotonic clock.
    """

    marks: tuple[Mark, ...] = ()
    status: str = ""
    banner: str = ""
    decided_at: float = 0.0
    thanks: bool = False


def view_of(
    scene: Scene, *, status: str, banner: str, thanks: bool = False, metres: dict[int, float] | None = None
) -> View:
    """Return the marks of the visible tracks with a status line and a banner, which may be a thank-you.

    metres: how far away people are, by track.
    """
    width, height = scene.frame.size_px if scene.frame else (1, 1)
    marks = tuple(
        Mark(
            relative(track.box, width, height),
            track.mask,
            round(track.confidence, 3),
            track.id,
            (metres or {}).get(track.id),
        )
        for track in scene.visible
    )
    return View(marks, status, banner, scene.decided_at, thanks)


def relative(
    box: tuple[float, float, float, float], width_px: int, height_px: int
) -> tuple[float, float, float, float]:
    """Return a box in pixels as shares of the picture."""
    return box[0] / width_px, box[1] / height_px, box[2] / width_px, box[3] / height_px


def to_json(view: View) -> bytes:
    """Return a view as JSON."""
    return json.dumps(asdict(view) | {"marks": [asdict(m) | {"mask": m.mask.value} for m in view.marks]}).encode()


def from_json(content: bytes) -> View:
    """Return the view that `to_json` wrote."""
    raw = json.loads(content)
    marks = tuple(Mark(**m | {"box": tuple(m["box"]), "mask": Mask(m["mask"])}) for m in raw["marks"])
    return View(marks, raw["status"], raw["banner"], raw["decided_at"], raw["thanks"])
