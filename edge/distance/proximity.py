"""The people around one person: the tracks of a scene that have a position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.distance.ranging import apart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge.data import Metres, Track


@dataclass(frozen=True, slots=True)
class Proximity:
    """The people around one person.

    nearest: how far the nearest of them is, None where there is nobody else.
    near: how many of them are within the limit.
    """

    nearest: Metres | None
    near: int


def proximity(track_id: int, tracks: Iterable[Track], near_m: float) -> Proximity | None:
    """Return who is around the person of a track; None where its own position is not known.

    People are counted by the central estimate, so that the number agrees with the distance to the nearest.
    """
    known = {track.id: track.position for track in tracks if track.position is not None}
    own = known.pop(track_id, None)
    if own is None:
        return None
    others = sorted(known.values(), key=own.apart_m)
    nearest = apart(own, others[0]) if others else None
    return Proximity(nearest, sum(own.apart_m(other) <= near_m for other in others))
