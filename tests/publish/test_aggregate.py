"""A camera in aggregate mode publishes shares of many people, and nothing about few."""

from __future__ import annotations

from dataclasses import replace

from edge.data import Mask
from edge.publish.aggregate import AggregateCounter
from tests.support import fakes


def scene(at: float, *people: tuple[int, Mask]):
    tracks = tuple(replace(fakes.track(number, mask), id=number) for number, mask in people)
    return fakes.scene(tracks, decided_at=at)


def crowd(first: int, masked: int, bare: int) -> list[tuple[int, Mask]]:
    masks = [Mask.WITH_MASK] * masked + [Mask.WITHOUT_MASK] * bare
    return [(first + k, mask) for k, mask in enumerate(masks)]


def test_shares_are_published_when_the_interval_ends_and_not_before():
    taker = AggregateCounter(interval_s=1200, min_people=10)
    assert taker.take(scene(0.0, *crowd(0, 9, 3))) is None
    assert taker.take(scene(1199.0)) is None
    counts = taker.take(scene(1200.0))
    assert (counts.people, counts.shares) == (
        12,
        {"with_mask": 0.75, "without_mask": 0.25, "incorrect_mask": 0.0},
    )
    assert (counts.began_at, counts.ended_at) == (0.0, 1200.0)


def test_of_fewer_people_than_the_minimum_nothing_is_published_not_even_their_number():
    taker = AggregateCounter(interval_s=1200, min_people=10)
    taker.take(scene(0.0, *crowd(0, 9, 0)))
    counts = taker.take(scene(1200.0))
    assert (counts.people, counts.shares) == (None, None)


def test_a_person_counts_once_also_across_the_end_of_an_interval():
    taker = AggregateCounter(interval_s=10, min_people=1)
    people = crowd(0, 2, 1)
    for at in range(10):
        taker.take(scene(float(at), *people))
    assert taker.take(scene(10.0, *people)).people == 3
    assert taker.take(scene(20.0, *people)).people is None


def test_an_interval_starts_from_nothing():
    taker = AggregateCounter(interval_s=10, min_people=1)
    taker.take(scene(0.0, *crowd(0, 0, 5)))
    taker.take(scene(10.0))
    taker.take(scene(11.0, *crowd(100, 4, 0)))
    assert taker.take(scene(20.0)).shares["with_mask"] == 1.0


def test_who_is_unsure_is_counted_once_the_label_is_known():
    taker = AggregateCounter(interval_s=10, min_people=1)
    taker.take(scene(0.0, (1, Mask.UNSURE)))
    taker.take(scene(1.0, (1, Mask.WITH_MASK)))
    assert taker.take(scene(10.0)).people == 1
