"""Who is near whom: of the tracks of one scene, those that have a position."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.data import Mask
from edge.distance.ranging import apart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge.data import Metres, Position, Scene, Track


@dataclass(frozen=True, slots=True)
class Proximity:
    """The people around one person.

    nearest: how far the nearest of them is, None where there is nobody else.
    near: how many of them are within the limit.
    """

    nearest: Metres | None
    near: int


def positions(tracks: Iterable[Track]) -> dict[int, Position]:
    """Return the known positions by track id."""
    return {track.id: track.position for track in tracks if track.position is not None}


def proximity(track_id: int, tracks: Iterable[Track], near_m: float) -> Proximity | None:
    """Return who is around the person of a track; None where its own position is not known.

    People are counted by the central estimate, so that the number agrees with the distance to the nearest.
    """
    known = positions(tracks)
    own = known.pop(track_id, None)
    if own is None:
        return None
    others = sorted(known.values(), key=lambda other: math.dist(other.place_m, own.place_m))
    nearest = apart(own, others[0]) if others else None
    return Proximity(nearest, sum(_within(near_m, own, other) for other in others))


def someone_near(scene: Scene, near_m: float) -> bool:
    """Return whether anybody is within `near_m` of a person whose episode without a mask is open.

    By the central estimate, as the alert counts: the lower bound of the interval would include people who stand well
    apart, and a notice that is limited to those near would be given at nearly every stop with two people at it.
    """
    known = positions(scene.tracks)
    unmasked = {alert.track.id for alert in scene.episodes if alert.episode is Mask.WITHOUT_MASK} & known.keys()
    return any(
        _within(near_m, known[one], position) for one in unmasked for other, position in known.items() if other != one
    )


def _within(near_m: float, one: Position, other: Position) -> bool:
    return math.dist(one.place_m, other.place_m) <= near_m
