"""Faces of single frames become persons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.track.motion import MotionTracker
from tests.support import fakes


def tracker() -> MotionTracker:
    return MotionTracker(min_iou=0.25, max_lost_s=2.0)


def box(x: float, y: float = 100.0, side: float = 40.0) -> tuple[float, float, float, float]:
    return x, y, x + side, y + side


def ids(tracks) -> list[int]:
    return [track.id for track in tracks if track.face is not None]


def test_somebody_who_stands_still_stays_the_same():
    follow = tracker()
    assert [ids(follow.update(fakes.faces(box(10)), at)) for at in (0.0, 0.1, 0.2)] == [[1]] * 3


def test_where_one_sighting_is_enough_everybody_gets_a_track_at_once_and_it_names_the_row_of_the_face():
    tracks = tracker().update(fakes.faces(box(10), box(200)), 0.0)
    assert [(track.id, track.face) for track in tracks] == [(1, 0), (2, 1)]


def test_two_who_cross_keep_their_names():
    follow, seen = tracker(), []
    for step in range(21):
        left, right = box(100 + 10 * step, y=100), box(300 - 10 * step, y=112)
        seen.append(follow.update(fakes.faces(left, right), step * 0.1))
    assert {track.id: track.face for track in seen[-1]} == {1: 0, 2: 1}


def test_a_walker_seen_twice_a_second_is_one_person():
    follow = tracker()
    assert {ids(follow.update(fakes.faces(box(20 + 30 * k)), k * 0.5))[0] for k in range(10)} == {1}


def confirming() -> MotionTracker:
    return MotionTracker(min_iou=0.25, max_lost_s=2.0, min_hits=2)


@pytest.mark.parametrize(("pause_s", "widths", "is_one"), [(0.2, 1.8, True), (0.2, 2.1, False), (0.1, 1.1, False)])
def test_somebody_who_walks_by_a_slow_camera_is_a_person_at_the_second_sighting(pause_s, widths, is_one):
    """At 5 frames per second a walker moves 1.75 widths: farther than nearness reached, so nobody was confirmed."""
    follow = confirming()
    follow.update(fakes.faces(box(100)), 1.0)
    assert ids(follow.update(fakes.faces(box(100 + 40 * widths)), 1.0 + pause_s)) == ([1] if is_one else [])


def test_a_walker_at_five_frames_per_second_stays_one_person():
    follow = confirming()
    seen = [ids(follow.update(fakes.faces(box(100 + 70 * k)), 0.2 * k)) for k in range(8)]
    assert seen == [[], *[[1]] * 7]


def test_a_long_pause_makes_nobody_of_two_who_are_far_apart():
    follow = confirming()
    follow.update(fakes.faces(box(100)), 0.0)
    assert ids(follow.update(fakes.faces(box(100 + 40 * 3.1)), 1.5)) == []


def test_a_newcomer_takes_no_face_of_somebody_else():
    follow = confirming()
    follow.update(fakes.faces(box(100), box(160)), 0.0)
    follow.update(fakes.faces(box(100), box(160)), 0.2)
    follow.update(fakes.faces(box(100), box(160), box(220)), 0.4)
    tracks = follow.update(fakes.faces(box(100), box(160)), 0.6)
    assert {track.id: track.face for track in tracks} == {1: 0, 2: 1}


def test_a_walker_behind_a_pole_for_a_second_comes_back_as_the_same():
    follow = tracker()
    for step in range(10):
        follow.update(fakes.faces(box(10 + 8 * step)), step * 0.1)
    for step in range(10, 20):
        lost = follow.update(fakes.faces(), step * 0.1)
        assert [track.face for track in lost] == [None]
    assert ids(follow.update(fakes.faces(box(10 + 8 * 14)), 2.0)) == [1]


@pytest.mark.parametrize(("dx", "dy"), [(30, 0), (-30, 0), (0, 30), (0, -30), (20, 20)])
def test_a_runner_is_found_where_the_motion_leads(dx, dy):
    """After 0.4 s unseen the face is three widths on: farther than nearness reaches from where it was last."""
    follow = tracker()
    for step in range(8):
        follow.update(fakes.faces(box(400 + dx * step, 400 + dy * step)), step * 0.1)
    assert ids(follow.update(fakes.faces(box(400 + dx * 11, 400 + dy * 11)), 1.1)) == [1]


def test_a_lost_face_is_expected_to_move_on_for_half_a_second_and_then_to_wait_there():
    follow = tracker()
    for step in range(10):
        follow.update(fakes.faces(box(10 + 20 * step)), step * 0.1)
    last, speed_px = 10 + 20 * 9, 200
    assert ids(follow.update(fakes.faces(box(last + 0.5 * speed_px)), 2.4)) == [1]


def test_of_two_who_pass_each_other_while_lost_each_is_found_on_the_other_side():
    """Where each was last is where the other now is: only the motion tells them apart."""
    follow = tracker()
    for step in range(6):
        follow.update(fakes.faces(box(100 + 10 * step), box(250 - 10 * step)), step * 0.1)
    tracks = follow.update(fakes.faces(box(200), box(150)), 1.0)
    assert {track.id: track.face for track in tracks} == {1: 0, 2: 1}


def test_somebody_who_comes_back_after_more_than_two_seconds_is_new():
    follow = tracker()
    follow.update(fakes.faces(box(10)), 0.0)
    assert follow.update(fakes.faces(), 2.1) == ()
    assert ids(follow.update(fakes.faces(box(10)), 2.2)) == [2]


def test_a_face_of_another_size_at_the_same_place_is_somebody_else():
    follow = tracker()
    follow.update(fakes.faces(box(100, side=20)), 0.0)
    assert ids(follow.update(fakes.faces(box(60, y=60, side=100)), 0.1)) == [2]


def test_times_of_first_and_last_sight_are_kept():
    follow = tracker()
    follow.update(fakes.faces(box(10)), 5.0)
    track = follow.update(fakes.faces(), 6.0)[0]
    assert (track.first_seen, track.last_seen, track.face) == (5.0, 5.0, None)


@pytest.mark.parametrize("count", [0, 1, 60])
def test_a_jittering_crowd_keeps_its_names(count):
    dice = np.random.default_rng(3)
    homes = [(60 * (k % 10), 60 * (k // 10)) for k in range(count)]
    follow = tracker()
    for step in range(20):
        jittered = [box(x + dice.normal(0, 2), y + dice.normal(0, 2)) for x, y in homes]
        tracks = follow.update(fakes.faces(*jittered), step * 0.1)
    assert [track.id for track in tracks] == list(range(1, count + 1))
    assert [track.face for track in tracks] == list(range(count))


@pytest.mark.parametrize(("x", "y"), [(400, 0), (0, 400), (400, 400)])
def test_wherever_it_is_a_near_face_of_like_size_is_the_same_and_of_another_size_is_not(x, y):
    for side, number in ((40, 1), (30, 1), (100, 2), (12, 2)):
        follow = tracker()
        follow.update(fakes.faces(box(x, y)), 0.0)
        shifted = box(x + 45 - side / 2, y + 20 - side / 2, side)  # hardly an overlap: nearness and size decide
        assert ids(follow.update(fakes.faces(shifted), 0.1)) == [number], side


@pytest.mark.parametrize("places", [(170, 230), (230, 170)])
def test_somebody_seen_once_is_expected_to_go_neither_left_nor_right(places):
    follow = tracker()
    follow.update(fakes.faces(box(200)), 0.0)
    tracks = follow.update(fakes.faces(*(box(x) for x in places)), 0.5)
    assert {track.id: track.face for track in tracks} == {1: 0, 2: 1}, "of two faces as near, the first"


def strict(**changes) -> MotionTracker:
    """Return a tracker that needs two sightings of 0.4."""
    return MotionTracker(**{"min_iou": 0.25, "max_lost_s": 2.0, "min_hits": 2, "min_score": 0.4, **changes})


def seen(follow: MotionTracker, *sightings: tuple[float, float]) -> list[int]:
    """Return how many tracks there are after each sighting of one face, (seconds, score), of score 0: none."""
    counts = []
    for at, score in sightings:
        found = fakes.faces(*[box(10)] * (score > 0))
        counts.append(len(follow.update(replace(found, scores=np.full(len(found), score, np.float32)), at)))
    return counts


def test_a_face_is_a_person_from_its_second_sure_sighting_on():
    assert seen(strict(), (0.0, 0.5), (0.2, 0.5), (0.4, 0.5)) == [0, 1, 1]
    assert seen(strict(min_hits=3), (0.0, 0.5), (0.2, 0.5), (0.4, 0.5)) == [0, 0, 1]


def test_what_is_a_face_in_one_frame_only_is_nobody_ever():
    assert seen(strict(), (0.0, 0.9), *((k / 10, 0.0) for k in range(1, 40))) == [0] * 40


def test_sightings_of_a_low_score_confirm_nobody_and_keep_whom_two_sure_ones_have_confirmed():
    assert seen(strict(), *((k / 10, 0.39) for k in range(50))) == [0] * 50
    assert seen(strict(), (0.0, 0.4), (0.1, 0.3), (0.2, 0.4), (0.3, 0.3), (0.4, 0.0)) == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(("pause_s", "count"), [(1.9, 1), (2.1, 0)])
def test_two_sure_sightings_far_apart_are_not_two(pause_s, count):
    between = [(k / 10, 0.3) for k in range(1, round(pause_s * 10))]
    assert seen(strict(), (0.0, 0.5), *between, (pause_s, 0.5))[-1] == count


def test_a_person_is_first_seen_at_the_first_of_the_sightings_that_confirmed_it():
    follow = strict()
    seen(follow, (0.0, 0.5), *((k / 10, 0.3) for k in range(1, 25)), (2.5, 0.5), (2.7, 0.5))
    (track,) = follow.update(fakes.faces(box(10)), 2.9)
    assert (track.id, track.first_seen, track.last_seen) == (1, 2.5, 2.9)


def test_those_who_were_confirmed_are_numbered_without_a_gap():
    follow = strict()
    follow.update(fakes.faces(box(10), box(200)), 0.0)
    follow.update(fakes.faces(box(200)), 0.1)
    assert [track.id for track in follow.update(fakes.faces(box(200), box(400)), 0.2)] == [1]
    assert [track.id for track in follow.update(fakes.faces(box(200), box(400)), 0.3)] == [1, 2]


def test_stricter_settings_unmake_nobody():
    follow = strict()
    seen(follow, (0.0, 0.5), (0.2, 0.5))
    follow.adopt(min_iou=0.25, max_lost_s=2.0, min_hits=9, min_score=0.99)
    assert seen(follow, (0.4, 0.5)) == [1]
