"""What is counted between marks belongs to the innermost section, and a second invocation is known by its place."""

from __future__ import annotations

import os

import pytest

from benchmarks.loop_instructions import excesses, summary
from benchmarks.marks import Marker, own_instructions

NAMES = ("walk", "detect", "measure", "invoke")
END = 1 << 20


def marks(*steps: tuple[str, int]) -> list[tuple[int, int]]:
    """Return the marks of steps such as ("detect", 5) or ("/detect", 9)."""
    return [(NAMES.index(name.strip("/")) + END * name.startswith("/"), at) for name, at in steps]


def test_a_section_is_charged_without_the_sections_in_it():
    one = marks(("walk", 10), ("detect", 15), ("invoke", 20), ("/invoke", 120), ("/detect", 130), ("/walk", 137))
    assert own_instructions(one, NAMES) == {"walk": 12, "walk/detect": 15, "walk/detect/invoke": 100}


def test_what_happens_between_two_walks_is_charged_to_none():
    two = marks(("walk", 10), ("/walk", 15), ("walk", 1000), ("/walk", 1003))
    assert own_instructions(two, NAMES) == {"walk": 8}


def test_the_second_section_of_a_name_in_one_walk_is_counted_apart_and_the_first_of_the_next_is_not():
    walks = [("walk", 0), ("invoke", 0), ("/invoke", 5), ("invoke", 5), ("/invoke", 8), ("/walk", 8)]
    walks += [("walk", 8), ("invoke", 8), ("/invoke", 15), ("/walk", 15)]
    assert own_instructions(marks(*walks), NAMES) == {"walk": 0, "walk/invoke": 12, "walk/invoke again": 3}


def test_verifying_and_measuring_are_second_invocations_and_classifying_five_faces_is_not():
    own = {
        "walk": 5.0,
        "walk/detect/run/invoke": 90.0,
        "walk/detect/run again/invoke": 20.0,
        "walk/classify/run/invoke": 6.0,
        "walk/classify/run again/invoke": 24.0,
        "walk/measure/run/invoke": 9.0,
        "walk/measure/run": 2.0,
    }
    figures = summary(own)
    assert figures == {
        "loop": 156.0,
        "invocations": 149.0,
        "second_invocations": 29.0,
        "beyond": 7.0,
        "ratio": pytest.approx(1.047, abs=1e-3),
    }


def test_a_marked_function_returns_what_it_returned_and_marks_its_end_when_it_fails(monkeypatch):
    seen = []
    monkeypatch.setattr(os, "lseek", lambda _fd, offset, _whence: seen.append(offset & 0xFFFFFFFF))
    marker = Marker(NAMES)
    assert marker.marked("detect", lambda number: number + 1)(4) == 5
    with pytest.raises(ZeroDivisionError):
        marker.marked("invoke", lambda: 1 // 0)()
    assert seen == [1, 1 + END, 3, 3 + END]


@pytest.mark.parametrize(("beyond", "named"), [(4.0, 0), (4.11, 0), (4.13, 1)])
def test_a_loop_that_needs_over_three_per_cent_more_than_its_budget_is_named(tmp_path, beyond, named):
    budget = tmp_path / "loop.csv"
    budget.write_text("detector,scene,beyond_m\nyardstick,one_face,4.0\nlive,one_face,9.0\n")
    found = excesses({"yardstick": {"one_face": {"beyond": beyond}}}, budget)
    assert len(found) == named
    assert all(line.startswith("yardstick, one_face: 4.13 M") for line in found)
