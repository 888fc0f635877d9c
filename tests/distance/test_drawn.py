"""Metres on drawn scenes of known geometry, by the real detector."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edge.data import Metres
from edge.distance.locate import Locator
from edge.distance.ranging import apart
from edge.distance.refine import Refinement
from edge.settings.load import load
from edge.stages import load_models
from tests.support import drawn, fakes
from tests.support.drawn import Person

SHIFTS = (-0.24, -0.12, 0.0, 0.12, 0.24)
INPUT_PX = {"quality": (640, 480), "live": (384, 288)}
DISTANCES_M = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0)


@cache
def detector(profile: str):
    return load_models(load(system_file=Path("/nonexistent")).settings, profile=profile).detector


@cache
def measured(profile: str, name: str, z_m: float, wears: str = "bare"):
    """Return (truth in m, Metres) at some places across the image, refined as the service does it.

    A face that is not found is left out.
    """
    people = [Person(name, shift * z_m, z_m, wears) for shift in SHIFTS]
    found = [(person, look(profile, person)) for person in people]
    return [(math.hypot(*person.position_m), metres) for person, metres in found if metres]


def look(profile: str, person: Person) -> Metres | None:
    frame = fakes.frame(image=drawn.picture(person))
    box = drawn.nearest(detector(profile).detect(frame).boxes, person.centre_px)
    if box is None:
        return None
    refinement = Refinement(detector(profile), INPUT_PX[profile])
    locator = Locator(refinement, drawn.range_finder(INPUT_PX[profile][0]))
    (track,) = locator.measure(frame, [replace(fakes.track(), box=box)])
    return track.position.distance


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
@pytest.mark.parametrize("z_m", DISTANCES_M)
def test_every_face_from_the_front_is_measured_to_a_tenth_from_one_to_six_metres(name, z_m):
    pairs = measured("live", name, z_m)
    assert len(pairs) >= 3
    assert [metres.m / truth for truth, metres in pairs] == pytest.approx([1.0] * len(pairs), abs=0.10)


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
@pytest.mark.parametrize("z_m", DISTANCES_M)
def test_so_are_those_of_the_other_profile_in_the_middle(name, z_m):
    pairs = measured("quality", name, z_m)
    assert len(pairs) >= 3
    assert np.median([metres.m / truth for truth, metres in pairs]) == pytest.approx(1.0, abs=0.10)


def test_the_interval_holds_the_truth_bare_and_masked():
    inside = [
        metres.low_m <= truth <= metres.high_m
        for profile in INPUT_PX
        for name in drawn.PORTRAITS
        for wears in ("bare", "masked")
        for z_m in (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
        for truth, metres in measured(profile, name, z_m, wears)
    ]
    assert len(inside) > 100
    assert sum(inside) / len(inside) >= 0.95


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Person("astronaut", -0.5, 2.0), Person("hopper", 0.5, 2.0)),
        (Person("astronaut", -0.4, 2.0), Person("hopper", 0.6, 3.5)),
        (Person("astronaut", -1.2, 3.0), Person("hopper", 1.0, 3.0)),
        (Person("hopper", -1.0, 4.0), Person("astronaut", 0.5, 2.5, "masked")),
        (Person("hopper", -1.0, 5.0), Person("astronaut", 1.5, 5.0)),
    ],
)
def test_metres_between_two_faces_are_held_by_their_interval(one, other):
    boxes = drawn.boxes(detector("quality"), one, other)
    between = apart(*(drawn.range_finder().position(box, drawn.SIZE_PX) for box in boxes))
    truth = math.dist(one.position_m, other.position_m)
    assert between.low_m <= truth <= between.high_m
    assert abs(between.m - truth) <= 0.35 * truth
