"""A closer look at small faces: when it is taken, and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge import pipeline
from edge import stages as parts
from edge.data import Faces, Frame, Mask, Track, Verdicts
from edge.distance.refine import Refinement, height_in
from edge.monitor.timings import Timings
from edge.settings.load import load
from tests.support import fakes

SIZE_PX, INPUT_PX = (1280, 720), (384, 288)


class Finder:
    """Detector that finds one face of a height, in the middle of what it is shown."""

    def __init__(self, height_px: float = 40.0) -> None:
        self.height_px = height_px
        self.shown: list[tuple[int, int]] = []

    def detect(self, frame: Frame) -> Faces:
        self.shown.append(frame.size_px)
        x, y, half = frame.size_px[0] / 2, frame.size_px[1] / 2, self.height_px / 2
        return fakes.faces((x - 0.8 * half, y - half, x + 0.8 * half, y + half))


class Unsure:
    def classify(self, _frame: Frame, boxes: np.ndarray) -> Verdicts:
        return fakes.verdicts(*[Mask.UNSURE] * len(boxes))


def person(number: int, height_px: float, x: float = 640.0, y: float = 360.0) -> Track:
    half = height_px / 2
    return replace(fakes.track(number), box=(x - 0.8 * half, y - half, x + 0.8 * half, y + half))


def frame(at: float = 0.0) -> Frame:
    return fakes.frame(at, image=fakes.picture(size_px=SIZE_PX))


def heights(look: Refinement, at: float, *people: Track) -> list[float]:
    """Return the measured heights, or zero where there is none."""
    boxes = [track.measured or (0, 0, 0, 0) for track in look.measure(frame(at), people)]
    return [box[3] - box[1] for box in boxes]


def test_a_small_face_has_the_height_that_the_look_found_and_stays_where_it_is():
    look = Refinement(Finder(40.0), INPUT_PX)
    (track,) = look.measure(frame(), [person(1, 30.0)])
    assert track.box == person(1, 30.0).box
    assert track.measured == pytest.approx((628.0, 340.0, 652.0, 380.0))
    assert heights(look, 0.1, person(1, 33.0)) == pytest.approx([40.0])  # the box's own unrest
    assert heights(look, 0.1, person(1, 60.0)) == pytest.approx([80.0])  # it has come nearer


def test_a_large_face_is_not_looked_at():
    finder = Finder()
    assert heights(Refinement(finder, INPUT_PX), 0.0, person(1, 170.0)) == [0]
    assert finder.shown == []


def test_who_is_out_of_sight_is_not_looked_at():
    finder = Finder()
    assert heights(Refinement(finder, INPUT_PX), 0.0, replace(person(1, 30.0), face=None)) == [0]
    assert finder.shown == []


def test_one_is_looked_at_in_half_a_second_who_waited_longest_first_and_again_after_two():
    finder = Finder()
    look, people = Refinement(finder, INPUT_PX), (person(1, 30.0), person(2, 30.0))
    known = []
    for at in np.arange(0.0, 2.6, 0.25).tolist():
        tall = heights(look, at, *people)
        known.append((len(finder.shown), *(height > 35 for height in tall)))
    assert known[0] == known[1] == (1, True, False)
    assert known[2] == known[7] == (2, True, True)
    assert known[8] == (3, True, True)


def test_in_a_crowd_nobody_waits_for_somebody_who_was_looked_at_before():
    look, people = Refinement(Finder(), INPUT_PX), [person(number, 30.0) for number in range(6)]
    for at in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5):
        tall = heights(look, at, *people)
    assert all(height > 35 for height in tall)


def test_who_has_left_is_forgotten():
    look = Refinement(Finder(40.0), INPUT_PX)
    assert heights(look, 0.0, person(1, 30.0)) == pytest.approx([40.0])
    heights(look, 0.1)
    assert heights(look, 0.2, person(1, 30.0)) == [0]


def test_a_face_that_is_not_found_again_keeps_its_box():
    (track,) = Refinement(Finder(300.0), INPUT_PX).measure(frame(), [person(1, 30.0)])
    assert track.measured == pytest.approx(track.box)


@pytest.mark.parametrize("centre", [(5.0, 5.0), (1275.0, 5.0), (640.0, 360.0), (1275.0, 715.0)])
@pytest.mark.parametrize(("tall_px", "cut_px"), [(30.0, (384, 288)), (96.0, (768, 576)), (400.0, (1280, 720))])
def test_what_is_shown_lies_in_the_picture_and_shrinks_large_faces_only(centre, tall_px, cut_px):
    finder = Finder()
    height_in(frame(), person(1, tall_px, *centre).box, finder, INPUT_PX)
    assert finder.shown == [cut_px]


def test_nothing_found_is_nothing_known():
    class Blind:
        def detect(self, _frame: Frame) -> Faces:
            return Faces.none()

    assert height_in(frame(), person(1, 30.0).box, Blind(), INPUT_PX) is None


@pytest.mark.parametrize(("every_frame", "measured"), [(False, True), (True, False)])
def test_a_watch_measures_small_faces_and_files_do_not(every_frame, measured):
    settings = load(system_file=Path("/nonexistent")).settings
    models = parts.Models(Finder(30.0), Unsure(), {}, INPUT_PX)
    stages = parts.build_stages(settings, models, Timings(), every_frame=every_frame)
    assert [track.measured is not None for track in pipeline.walk(frame(), stages).tracks] == [measured]
    counted = pipeline.walk(frame(), parts.counting(stages)).tracks
    assert [track.measured for track in counted] == [None]
