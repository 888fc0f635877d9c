"""The refinement of small faces: when one is measured, and what becomes of its box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.data import Faces, Frame, Track
from edge.distance.refine import Refinement, height_in
from tests.support import fakes

SIZE_PX, INPUT_PX = (1280, 720), (384, 288)


class Finder:
    """Detector that finds one face of a given height, in the middle of its image."""

    def __init__(self, height_px: float = 40.0) -> None:
        self.height_px = height_px
        self.shown: list[tuple[int, int]] = []

    def detect(self, frame: Frame) -> Faces:
        self.shown.append(frame.size_px)
        x, y, half = frame.size_px[0] / 2, frame.size_px[1] / 2, self.height_px / 2
        return fakes.faces((x - 0.8 * half, y - half, x + 0.8 * half, y + half))


def person(number: int, height_px: float, x: float = 640.0, y: float = 360.0) -> Track:
    half = height_px / 2
    return replace(fakes.track(number), box=(x - 0.8 * half, y - half, x + 0.8 * half, y + half))


def frame(at: float = 0.0) -> Frame:
    return fakes.frame(at, image=fakes.picture(size_px=SIZE_PX))


def heights(refinement: Refinement, at: float, *people: Track) -> list[float]:
    """Return the heights of the refined boxes."""
    return [box[3] - box[1] for box in refinement.refine(frame(at), people)]


def test_a_small_face_has_the_measured_height_and_stays_where_it_is():
    refinement = Refinement(Finder(40.0), INPUT_PX)
    (box,) = refinement.refine(frame(), [person(1, 30.0)])
    assert box == pytest.approx((628.0, 340.0, 652.0, 380.0))
    assert heights(refinement, 0.1, person(1, 33.0)) == pytest.approx([40.0])  # jitter of the box
    assert heights(refinement, 0.1, person(1, 60.0)) == pytest.approx([80.0])  # it has come nearer


def test_a_large_face_is_not_refined():
    finder = Finder()
    assert heights(Refinement(finder, INPUT_PX), 0.0, person(1, 170.0)) == pytest.approx([170.0])
    assert finder.shown == []


def test_a_person_out_of_sight_is_not_refined():
    finder = Finder()
    assert heights(Refinement(finder, INPUT_PX), 0.0, replace(person(1, 30.0), face=None)) == pytest.approx([30.0])
    assert finder.shown == []


def test_one_face_is_measured_per_half_second_the_longest_waiting_first_and_again_after_two_seconds():
    finder = Finder()
    refinement, people = Refinement(finder, INPUT_PX), (person(1, 30.0), person(2, 30.0))
    known = []
    for at in np.arange(0.0, 2.6, 0.25).tolist():
        tall = heights(refinement, at, *people)
        known.append((len(finder.shown), *(height > 35 for height in tall)))
    assert known[0] == known[1] == (1, True, False)
    assert known[2] == known[7] == (2, True, True)
    assert known[8] == (3, True, True)


def test_in_a_crowd_nobody_waits_for_somebody_who_was_measured_before():
    refinement, people = Refinement(Finder(), INPUT_PX), [person(number, 30.0) for number in range(6)]
    for at in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5):
        tall = heights(refinement, at, *people)
    assert all(height > 35 for height in tall)


def test_a_person_who_has_left_is_forgotten():
    refinement = Refinement(Finder(40.0), INPUT_PX)
    assert heights(refinement, 0.0, person(1, 30.0)) == pytest.approx([40.0])
    heights(refinement, 0.1)
    assert heights(refinement, 0.2, person(1, 30.0)) == pytest.approx([30.0])


def test_a_face_that_is_not_found_again_keeps_its_box():
    (box,) = Refinement(Finder(300.0), INPUT_PX).refine(frame(), [person(1, 30.0)])
    assert box == pytest.approx(person(1, 30.0).box)


@pytest.mark.parametrize("centre", [(5.0, 5.0), (1275.0, 5.0), (640.0, 360.0), (1275.0, 715.0)])
@pytest.mark.parametrize(("tall_px", "cut_px"), [(30.0, (384, 288)), (96.0, (768, 576)), (400.0, (1280, 720))])
def test_the_cut_lies_in_the_image_and_only_large_faces_are_shrunk(centre, tall_px, cut_px):
    finder = Finder()
    height_in(frame(), person(1, tall_px, *centre).box, finder, INPUT_PX)
    assert finder.shown == [cut_px]


def test_nothing_found_is_nothing_known():
    class Blind:
        def detect(self, _frame: Frame) -> Faces:
            return Faces.none()

    assert height_in(frame(), person(1, 30.0).box, Blind(), INPUT_PX) is None


@pytest.mark.parametrize("centre", [(5.0, 5.0), (100.0, 700.0), (640.0, 360.0), (1275.0, 200.0)])
def test_the_cut_is_about_the_face_as_far_as_the_image_goes(centre):
    image = np.add.outer(np.arange(720), np.arange(1280)).repeat(3).reshape(720, 1280, 3).astype(np.uint8)
    cuts = []

    class Keeping:
        def detect(self, shown: Frame) -> Faces:
            cuts.append(shown.image)
            return Faces.none()

    height_in(fakes.frame(image=image), person(1, 30.0, *centre).box, Keeping(), INPUT_PX)
    left, top = min(max(int(centre[0]) - 192, 0), 1280 - 384), min(max(int(centre[1]) - 144, 0), 720 - 288)
    assert (cuts[0] == image[top : top + 288, left : left + 384]).all()
