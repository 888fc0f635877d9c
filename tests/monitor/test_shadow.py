"""What the shadow gives to a challenger, and what it counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.crop import cut, square_about
from edge.data import Faces, Mask, Scene, Track, Verdicts
from edge.monitor.budget import Budget
from edge.monitor.comparison import Comparison
from edge.monitor.shadow import Cropping, Shadow, shifted
from edge.tflite import read_spec
from tests.support import fakes
from tests.support.program import ROOT

CHAMPION = read_spec(ROOT / "models/mask").input
CHALLENGER = CHAMPION.model_copy(update={"crop_margin": 0.35, "crop_shift": -0.1})
CROPPING = Cropping(CHAMPION, CHALLENGER, bare=0.3)
DICE = np.random.default_rng(7)
IMAGE = DICE.integers(0, 256, (120, 200, 3), np.uint8)
BOXES = ((20.5, 30.25, 60.5, 75.0), (100.0, 20.0, 130.0, 50.0), (-10.0, 90.0, 30.0, 140.0))


class Jobs:
    """Takes jobs, and answers when a test says so."""

    def __init__(self):
        self.idle, self.crashes, self.asked, self.answers, self.closed = True, 0, [], [], False

    def ask(self, image, job):
        self.asked.append((image.copy(), job))
        return True

    def answer(self):
        return self.answers.pop(0) if self.answers else None

    def close(self):
        self.closed = True


@pytest.fixture
def jobs():
    return Jobs()


@pytest.fixture
def clock():
    return fakes.FakeClock()


def shadow(jobs, clock, **more):
    return Shadow(
        jobs,
        more.pop("budget", None) or Budget(1.0, clock() - 100),
        more.pop("comparison", None) or Comparison("mask"),
        models=({"name": "a"}, {"name": "b"}),
        **{"cropping": CROPPING, **more},
        monotonic=clock,
    )


def seen(*ids, mirrored=()):
    """Return a scene in which people with these numbers were classified, as those at BOXES, in the reverse order."""
    faces = Faces(np.array(BOXES, np.float32), np.array([0.9, 0.8, 0.7], np.float32))
    tracks = tuple(Track(number, BOXES[face], face, 0.0, 0.0) for face, number in reversed(list(enumerate(ids))))
    rows = np.full((len(ids), 3), 1 / 3, np.float32)
    verdicts = Verdicts(rows, (Mask.WITH_MASK, Mask.UNSURE, Mask.WITHOUT_MASK)[: len(ids)])
    scene = Scene(fakes.frame(image=IMAGE), faces, tracks, (), 0.0, (), tuple(range(len(ids))), verdicts)
    return replace(scene, mirrored=frozenset(mirrored))


@pytest.mark.parametrize("box", [*BOXES, *(DICE.uniform((-20, -20, 40, 40), (60, 60, 230, 150)) for _ in range(60))])
def test_the_challenger_sees_the_very_pixels_that_it_would_see_in_the_frame(box):
    box = np.array(box, np.float32)
    square = CROPPING.region(box)
    region = cut(IMAGE, square, square[2])
    inside = np.array(shifted(box, square), np.float32)
    for spec in (CHAMPION, CHALLENGER):
        there, here = (square_about(b, spec.crop_margin, shift=spec.crop_shift) for b in (box, inside))
        assert np.array_equal(cut(IMAGE, there, 64), cut(region, here, 64))


def test_halves_are_rounded_in_the_region_as_in_the_frame():
    for left in range(30):
        box = np.array([left + 0.5, 10.5, left + 21.5, 31.5], np.float32)
        square = CROPPING.region(box)
        there = square_about(box, CHAMPION.crop_margin, shift=CHAMPION.crop_shift)
        here = square_about(np.array(shifted(box, square), np.float32), CHAMPION.crop_margin, shift=CHAMPION.crop_shift)
        assert (here[0] + square[0], here[1] + square[1], here[2]) == there


def test_a_job_states_what_the_champion_made_of_the_face(jobs, clock):
    shadow(jobs, clock).put(seen(5, 6, 7, mirrored=[0]))
    (image, job), *others = jobs.asked
    assert others == []
    assert (job["champion"], job["mirrored"], job["bare"]) == ("with_mask", True, 0.3)
    assert job["score"] == pytest.approx(0.7)
    assert job["side_px"] == 40
    square = CROPPING.region(np.array(BOXES[2], np.float32))
    assert image.shape == (square[2], square[2], 3)


def test_nobody_is_compared_again_within_five_seconds(jobs, clock):
    sink = shadow(jobs, clock)
    for _ in range(4):
        sink.put(seen(5, 6, 7))
    assert [job["champion"] for _, job in jobs.asked] == ["with_mask", "unsure", "without_mask"]
    clock.now += 4.9
    sink.put(seen(5))
    assert len(jobs.asked) == 3
    clock.now += 0.2
    sink.put(seen(5))
    assert len(jobs.asked) == 4


def test_nothing_is_asked_of_a_busy_challenger_nor_while_the_lens_is_blind(jobs, clock):
    jobs.idle = False
    shadow(jobs, clock).put(seen(5))
    jobs.idle = True
    shadow(jobs, clock, is_blind=lambda: True).put(seen(5))
    shadow(jobs, clock).put(replace(seen(5), frame=None))
    shadow(jobs, clock).put(replace(seen(5), skipped=True))
    assert jobs.asked == []
    shadow(jobs, clock).put(seen(5))
    assert len(jobs.asked) == 1


def test_every_kth_crop_is_asked_for(jobs, clock):
    budget = Budget(1.0, clock() - 100)
    budget.every = 3
    sink = shadow(jobs, clock, budget=budget)
    for number in range(12):
        sink.put(seen(100 + number))
    assert len(jobs.asked) == 4


def test_answers_are_counted_and_their_time_is_spent(jobs, clock):
    budget = Budget(1.0, clock() - 100)
    sink = shadow(jobs, clock, budget=budget)
    jobs.answers = [
        {"ready": True, "cpu_s": 2.0},
        {"faces": [["with_mask", "unsure", 1, 2]], "took_s": {"challenger": 0.003}, "cpu_s": 0.5},
    ]
    sink.put(seen())
    sink.put(seen())
    assert sink.comparison.verdicts[1, 2, 0, 3] == 1
    assert sink.comparison.median_ms("challenger") == pytest.approx(3, rel=0.2)
    assert 2.5 <= budget.spent_s < 2.6
    report = sink.report()
    assert (report["champion"], report["challenger"], report["compared"]) == ({"name": "a"}, {"name": "b"}, 1)
    assert sink.stats() | {"cpu_s": 0} == {"compared": 1, "agreed": 0, "crashes": 0, "every": 1, "cpu_s": 0}


def test_the_champion_runs_along_with_every_eighth_job(jobs, clock):
    sink = shadow(jobs, clock)
    for number in range(17):
        sink.put(seen(number))
    assert [number for number, (_, job) in enumerate(jobs.asked) if job["timed"]] == [0, 8, 16]


def test_crashes_are_added_to_those_of_earlier_runs(jobs, clock):
    earlier = Comparison("mask")
    earlier.crashes = 2
    sink = shadow(jobs, clock, comparison=earlier)
    jobs.crashes = 3
    sink.put(seen())
    sink.put(seen())
    assert sink.comparison.crashes == 5


def test_the_counts_are_kept_every_ten_minutes_and_at_the_end(jobs, clock):
    saved = []
    sink = shadow(jobs, clock, save=saved.append)
    for _ in range(21):
        sink.put(seen())
        clock.now += 60
    assert len(saved) == 2
    sink.close()
    assert (len(saved), jobs.closed) == (3, True)


def test_a_face_model_gets_the_frame_and_what_the_champion_found(jobs, clock):
    shadow(jobs, clock, comparison=Comparison("face"), cropping=None).put(seen(5))
    ((image, job),) = jobs.asked
    assert np.array_equal(image, IMAGE)
    assert np.allclose(job["boxes"], BOXES)
