"""Who is near whom, in alerts and for notices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.data import Alert, EventType, Faces, Frame, Mask, Scene
from edge.distance.proximity import metres, proximity, someone_near
from edge.distance.ranging import RangeFinder
from tests.support import fakes
from tests.support.boxes import SIZE_PX, box_at

RULER = RangeFinder(1.0, 0.05, 0.2, 640)


def person(number: int, x_m: float, z_m: float, mask: Mask = Mask.WITH_MASK, *, seen: bool = True):
    return replace(fakes.track(number, mask, seen=seen), box=box_at(x_m, z_m))


def alert(track) -> Alert:
    return Alert("e", EventType.START, 0, Mask.WITHOUT_MASK, track, 0.0, 1.0)


def scene(*tracks, picture: bool = True) -> Scene:
    frame = Frame(fakes.picture(size_px=SIZE_PX), 0, 0.0, 0.0) if picture else None
    episodes = tuple(alert(track) for track in tracks if track.mask is Mask.WITHOUT_MASK)
    return Scene(frame, Faces.none(), tracks, (), 0.0, episodes)


BARE = person(1, 0.0, 3.0, Mask.WITHOUT_MASK)


def test_an_alert_says_how_far_the_nearest_person_is_and_how_many_are_near():
    told = proximity(
        alert(BARE), scene(BARE, person(2, 1.0, 3.0), person(3, -1.5, 3.0), person(4, 4.0, 6.0)), RULER, 2.0
    )
    assert told["nearest_person_m"] == pytest.approx(1.0, abs=0.01)
    assert told["people_near"] == 2
    low, high = told["nearest_person_interval_m"]
    assert low < 1.0 < high


def test_where_a_closer_look_measured_a_face_its_box_counts():
    looked_at = replace(person(2, 0.0, 9.0), measured=box_at(0.0, 4.0))
    assert metres(scene(BARE, looked_at), RULER)[2] == pytest.approx(4.0, abs=0.05)
    assert proximity(alert(BARE), scene(BARE, looked_at), RULER, 2.0)["people_near"] == 1


def test_somebody_alone_has_nobody_near():
    assert proximity(alert(BARE), scene(BARE), RULER, 2.0) == {
        "nearest_person_m": None,
        "nearest_person_interval_m": None,
        "people_near": 0,
    }


@pytest.mark.parametrize("picture", [True, False])
def test_of_somebody_out_of_sight_nothing_is_known(picture):
    gone = replace(BARE, face=None)
    told = proximity(alert(gone), scene(gone, person(2, 1.0, 3.0), picture=picture), RULER, 2.0)
    assert set(told.values()) == {None}


def test_those_unseen_or_cut_off_do_not_count():
    cut = replace(person(3, 0.4, 3.0), box=(600.0, 0.0, 680.0, 90.0))
    told = proximity(alert(BARE), scene(BARE, person(2, 0.5, 3.0, seen=False), cut), RULER, 2.0)
    assert told["people_near"] == 0


def test_a_notice_is_wanted_only_while_somebody_is_near_one_without_a_mask():
    assert someone_near(scene(BARE, person(2, 1.5, 3.0)), RULER, 2.0)
    assert not someone_near(scene(BARE, person(2, 2.5, 3.0)), RULER, 2.0)
    assert not someone_near(scene(BARE), RULER, 2.0)
    assert not someone_near(scene(person(1, 0.0, 3.0), person(2, 0.5, 3.0)), RULER, 2.0)
    assert not someone_near(scene(BARE, person(2, 0.5, 3.0), picture=False), RULER, 2.0)


def test_a_mask_worn_wrongly_wants_no_notice():
    """`alert.incorrect` opens such episodes too."""
    wrong = replace(alert(BARE), episode=Mask.INCORRECT_MASK)
    seen = replace(scene(BARE, person(2, 0.5, 3.0)), episodes=(wrong,))
    assert not someone_near(seen, RULER, 2.0)


def test_metres_are_told_by_track():
    assert metres(scene(BARE, person(2, 0.0, 1.5)), RULER) == {1: 3.0, 2: 1.5}
