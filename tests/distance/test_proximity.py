"""Who is near whom, in alerts and for notices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.data import Alert, EventType, Faces, Mask, Scene
from edge.distance.proximity import proximity
from edge.distance.ranging import RangeFinder
from tests.support import fakes
from tests.support.boxes import SIZE_PX, box_at

RANGE_FINDER = RangeFinder(1.0, 0.05, 0.2, 640)


def person(number: int, x_m: float, z_m: float, mask: Mask = Mask.WITH_MASK):
    box = box_at(x_m, z_m)
    return replace(fakes.track(number, mask), box=box, position=RANGE_FINDER.position(box, SIZE_PX))


def hidden(track):
    return replace(track, face=None, position=None)


def alert(track) -> Alert:
    return Alert("e", EventType.START, 0, Mask.WITHOUT_MASK, track, 0.0, 1.0)


def scene(*tracks) -> Scene:
    episodes = tuple(alert(track) for track in tracks if track.mask is Mask.WITHOUT_MASK)
    return Scene(fakes.frame(), Faces.none(), tracks, (), 0.0, episodes)


BARE = person(1, 0.0, 3.0, Mask.WITHOUT_MASK)


def test_the_nearest_person_is_known_with_an_interval_and_those_near_are_counted():
    around = proximity(1, (BARE, person(2, 1.0, 3.0), person(3, -1.5, 3.0), person(4, 4.0, 6.0)), 2.0)
    assert around.nearest.m == pytest.approx(1.0, abs=0.01)
    assert around.nearest.low_m < 1.0 < around.nearest.high_m
    assert around.near == 2


def test_somebody_alone_has_nobody_near():
    around = proximity(1, (BARE,), 2.0)
    assert (around.nearest, around.near) == (None, 0)


def test_of_somebody_out_of_sight_nothing_is_known():
    assert proximity(1, (hidden(BARE), person(2, 1.0, 3.0)), 2.0) is None
    assert proximity(1, (person(2, 1.0, 3.0),), 2.0) is None


def test_those_without_a_position_do_not_count():
    assert proximity(1, (BARE, hidden(person(2, 0.5, 3.0))), 2.0).near == 0


def test_somebody_is_near_only_within_the_limit_of_one_without_a_mask():
    assert scene(BARE, person(2, 1.5, 3.0)).someone_near(2.0)
    assert not scene(BARE, person(2, 2.5, 3.0)).someone_near(2.0)
    assert not scene(BARE).someone_near(2.0)
    assert not scene(person(1, 0.0, 3.0), person(2, 0.5, 3.0)).someone_near(2.0)
    assert not scene(hidden(BARE), person(2, 0.5, 3.0)).someone_near(2.0)
    assert not scene(BARE, hidden(person(2, 0.5, 3.0))).someone_near(2.0)


def test_a_mask_worn_wrongly_does_not_count_as_without_a_mask():
    """`alert.incorrect` opens such episodes too."""
    wrong = replace(alert(BARE), episode=Mask.INCORRECT_MASK)
    seen = replace(scene(BARE, person(2, 0.5, 3.0)), episodes=(wrong,))
    assert not seen.someone_near(2.0)


def test_a_person_exactly_at_the_limit_is_near():
    assert scene(BARE, person(2, 1.5, 3.0)).someone_near(1.5)
