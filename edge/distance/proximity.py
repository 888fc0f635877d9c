"""Who is near whom in a scene: what an alert says of it, and whether a notice is wanted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edge.data import Mask

if TYPE_CHECKING:
    from edge.data import Alert, Scene
    from edge.distance.ranging import Place, RangeFinder


def places(scene: Scene, ruler: RangeFinder) -> dict[int, Place]:
    """Return where the visible people are, by the id of their track; those whose face is cut off are left out."""
    if scene.frame is None:
        return {}
    found = {track.id: ruler.place(track.measured or track.box, scene.frame.size_px) for track in scene.visible}
    return {number: place for number, place in found.items() if place is not None}


def metres(scene: Scene, ruler: RangeFinder) -> dict[int, float]:
    """Return how far from the camera the visible people are, m, by the id of their track."""
    return {number: round(ruler.away(place).m, 2) for number, place in places(scene, ruler).items()}


def others(track_id: int, scene: Scene, ruler: RangeFinder) -> list[Place] | None:
    """Return where everybody else is, the one nearest to the person of a track first; None where nobody can say."""
    where = places(scene, ruler)
    if track_id not in where:
        return None
    middle = where.pop(track_id)
    return sorted(where.values(), key=lambda place: math.dist(place.position_m, middle.position_m))


def unmeasured(_alert: Alert, _scene: Scene) -> dict[str, Any]:
    """Return what an alert says of the people around where nothing is known of them."""
    return {"nearest_person_m": None, "nearest_person_interval_m": None, "people_near": None}


def proximity(alert: Alert, scene: Scene, ruler: RangeFinder, near_m: float) -> dict[str, Any]:
    """Return what an alert says of the people around the one it is about; None stands for not known.

    Central estimates are told and counted, so that the fields agree with each other; the interval stands beside them.
    """
    around = others(alert.track.id, scene, ruler)
    if around is None:
        return unmeasured(alert, scene)
    middle = places(scene, ruler)[alert.track.id]
    nearest = ruler.apart(middle, around[0]) if around else None
    return {
        "nearest_person_m": round(nearest.m, 2) if nearest else None,
        "nearest_person_interval_m": [round(nearest.low_m, 2), round(nearest.high_m, 2)] if nearest else None,
        "people_near": sum(math.dist(place.position_m, middle.position_m) <= near_m for place in around),
    }


def someone_near(scene: Scene, ruler: RangeFinder, near_m: float) -> bool:
    """Return whether anybody is within `near_m` of a visible person whose episode without a mask is open.

    By the central estimate, as the alert counts: the lower border of the interval would bring in people who stand well
    apart, and a notice that is limited to those near would speak at nearly every stop with two people at it.
    """
    where = places(scene, ruler)
    bare = {alert.track.id for alert in scene.episodes if alert.episode is Mask.WITHOUT_MASK} & where.keys()
    return any(
        math.dist(where[one].position_m, where[other].position_m) <= near_m
        for one in bare
        for other in where
        if other != one
    )
