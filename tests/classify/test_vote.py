"""Verdicts steadied into a label."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.classify.vote import Voter
from edge.data import Mask
from tests.support import fakes

WITH, WITHOUT, UNSURE = Mask.WITH_MASK, Mask.WITHOUT_MASK, Mask.UNSURE


def voter(**changes) -> Voter:
    settings = {"every_s": 0.2, "max_per_frame": 2, "half_life_s": 0.5, "min_votes": 2, "min_confidence": 0.6}
    return Voter(**{**settings, **changes})


def told(masks: list[Mask], step_s: float = 0.2, **changes) -> list[Mask]:
    """Return the label after each of the verdicts on one person."""
    box, labels = voter(**changes), []
    person = fakes.track(1, UNSURE)
    for number, mask in enumerate(masks):
        at = number * step_s
        labels.append(box.vote((replace(person, last_seen=at),), (0,), fakes.verdicts(mask), at)[0].mask)
    return labels


def test_a_label_needs_its_votes():
    assert told([WITH, WITH]) == [UNSURE, WITH]


def test_one_odd_verdict_changes_nothing():
    assert told([WITH] * 5 + [WITHOUT] + [WITH] * 2)[-3:] == [WITH] * 3


def test_a_lasting_change_is_followed_within_a_second():
    assert told([WITH] * 10 + [WITHOUT] * 5)[-1] is WITHOUT


def seen(masks: list[Mask | None], step_s: float = 0.2) -> list[bool]:
    """Return whether a track is anybody after each of the verdicts on it; None: it is no face."""
    box, shown = voter(), []
    for number, mask in enumerate(masks):
        at = number * step_s
        rejected = frozenset({0} if mask is None else ())
        verdicts = replace(fakes.verdicts(mask or UNSURE), rejected=rejected)
        shown.append(len(box.vote((replace(fakes.track(1, UNSURE), last_seen=at),), (0,), verdicts, at)) == 1)
    return shown


def test_what_is_no_face_is_nobody_until_a_verdict_takes_it_for_a_face():
    assert seen([None, None, WITHOUT, WITHOUT]) == [False, False, True, True]


def test_a_person_stays_for_one_rejection_and_leaves_with_the_second_in_a_row():
    assert seen([WITHOUT, None, WITHOUT, None, None, None, UNSURE]) == [True, True, True, True, False, False, True]


def test_a_rejection_is_no_vote_and_its_track_is_classified_again():
    box = voter()
    person = (fakes.track(1, UNSURE),)
    verdicts = replace(fakes.verdicts(UNSURE), rejected=frozenset({0}))
    box.vote(person, (0,), fakes.verdicts(WITHOUT), 0.0)
    (after,) = box.vote(person, (0,), verdicts, 0.2)
    assert after.votes == 1
    assert box.due(person, 0.3) == ()
    assert box.due(person, 0.4) == (0,)


def test_somebody_unseen_who_was_rejected_is_nobody_either():
    box = voter()
    box.vote((fakes.track(1, UNSURE),), (0,), replace(fakes.verdicts(UNSURE), rejected=frozenset({0})), 0.0)
    assert box.vote((fakes.track(1, UNSURE, seen=False),), (), fakes.verdicts(), 0.1) == ()


def test_unsure_verdicts_leave_the_label_until_it_is_forgotten():
    labels = told([WITH] * 3 + [UNSURE] * 20)
    assert labels[5] is WITH
    assert labels[-1] is UNSURE


def test_unsure_verdicts_alone_say_unsure_with_the_largest_probability():
    box = voter()
    track = box.vote((fakes.track(1, UNSURE),), (0,), fakes.verdicts(UNSURE), 0.0)[0]
    assert (track.mask, track.votes) == (UNSURE, 0)
    assert track.confidence == pytest.approx(0.4)


def test_evenly_split_verdicts_are_unsure():
    assert told([WITH, WITHOUT] * 6, min_confidence=0.8)[-1] is UNSURE


def test_those_who_waited_longest_are_due_first_and_no_more_than_allowed():
    box = voter()
    people = tuple(fakes.track(number, UNSURE) for number in (1, 2, 3))
    first = box.due(people, 0.0)
    assert first == (0, 1)
    box.vote(people, first, fakes.verdicts(WITH, WITH), 0.0)
    assert box.due(people, 0.1) == (2,)
    assert box.due(people, 0.25)[0] == 2


@pytest.mark.parametrize(("rate_hz", "every"), [(5, 1), (10, 2), (15, 3), (25, 5), (30, 6)])
def test_a_person_is_due_in_the_frame_nearest_to_the_interval_at_any_frame_rate(rate_hz, every):
    """At 5 frames per second, 0.6 - 0.4 s is less than 0.2 s, and that frame was left out."""
    box, person, due = voter(), (fakes.track(1, UNSURE),), []
    for number in range(8 * every):
        if places := box.due(person, number / rate_hz):
            due.append(number)
            box.vote(person, places, fakes.verdicts(WITH), number / rate_hz)
    assert due == list(range(0, 8 * every, every))


def test_nobody_unseen_is_due():
    assert voter().due((fakes.track(1, UNSURE, seen=False),), 9.0) == ()


def test_the_label_of_somebody_unseen_is_kept():
    box = voter()
    for at in (0.0, 0.2, 0.4):
        box.vote((fakes.track(1),), (0,), fakes.verdicts(WITHOUT), at)
    assert box.vote((fakes.track(1, UNSURE, seen=False),), (), fakes.verdicts(), 9.0)[0].mask is WITHOUT


def test_ballots_of_those_who_left_are_forgotten():
    box = voter()
    box.vote((fakes.track(1),), (0,), fakes.verdicts(WITHOUT), 0.0)
    box.vote((), (), fakes.verdicts(), 1.0)
    newcomer = replace(fakes.track(1, UNSURE), votes=0)
    assert box.vote((newcomer,), (), fakes.verdicts(), 2.0)[0].votes == 0


def test_one_sure_verdict_is_enough_unless_more_are_asked_for():
    box = Voter(every_s=0.2, max_per_frame=2, half_life_s=0.5)
    assert box.vote((fakes.track(1, UNSURE),), (0,), fakes.verdicts(WITH), 0.0)[0].mask is WITH


def agreed(*masks: Mask) -> list[tuple[Mask, float | None]]:
    """Return the label, and since when the verdicts agree on it, after verdicts that are 0.2 s apart from 1.0 s on."""
    box, found = voter(), []
    for number, mask in enumerate(masks):
        at = 1.0 + number * 0.2
        person = replace(fakes.track(1, UNSURE, at), first_seen=0.8)
        track = box.vote((person,), (0,), fakes.verdicts(mask), at)[0]
        found.append((track.mask, None if track.agreed_since is None else round(track.agreed_since, 1)))
    return found


def test_the_first_verdict_stands_for_the_time_since_a_person_was_first_seen():
    assert agreed(WITHOUT, WITHOUT)[-1] == (WITHOUT, 0.8)


def test_verdicts_agree_since_the_first_sure_one_of_their_kind():
    assert agreed(UNSURE, WITHOUT, UNSURE, WITHOUT)[-1] == (WITHOUT, 1.2)
    assert agreed(*[WITH] * 3, *[WITHOUT] * 4)[-1] == (WITHOUT, 1.6)


def test_a_verdict_that_contradicts_begins_anew():
    assert agreed(WITHOUT, WITHOUT, WITH, WITHOUT, WITHOUT)[-1] == (WITHOUT, 1.6)
    assert agreed(*[WITHOUT] * 9, WITH)[-1] == (WITHOUT, None)


def test_every_other_classification_of_a_person_is_of_the_mirror_image():
    box, seen = voter(), []
    people = (fakes.track(1, UNSURE), fakes.track(2, UNSURE))
    for number, due in enumerate([(0, 1), (0,), (0, 1), (1, 0)]):
        seen.append(box.mirrored(people, due))
        box.vote(people, due, fakes.verdicts(*[UNSURE] * len(due)), number * 0.2)
    assert seen == [(False, False), (True,), (False, True), (False, True)]
