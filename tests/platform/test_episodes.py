"""The comparison of episodes across runtimes and processors finds what differs, and lets one frame pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.platform import episodes
from tests.platform.episodes import matched, people, rows, unlike
from tests.support.program import ROOT

EPISODE = {"person": 0, "first": 5, "last": 9, "labels": ["without_mask"], "reason": "gone"}
AS_TEXT = "5 to 9 (without_mask; gone)"
LEVELS = "+0.80 -0.30 +0.90 (blue, green, red)"
DECODED = {"frames": 12, "sha256": "aa", "levels": [100.0, 110.0, 120.0]}


def answer(*found: dict, **decoded: object) -> dict:
    return {"episodes": {"/clips/a.mp4": list(found)}, "decoded": {"/clips/a.mp4": {**DECODED, **decoded}}}


def span(first: int, last: int, person: int = 0) -> dict:
    return {**EPISODE, "first": first, "last": last, "person": person}


def test_what_differs_between_two_episodes_is_named():
    assert unlike(EPISODE, {**EPISODE, "first": 6, "last": 8}) == []
    assert unlike(EPISODE, {**EPISODE, "first": 7, "reason": "mask_on"}) == ["first", "reason"]
    assert unlike(EPISODE, {**EPISODE, "last": 11, "labels": []}) == ["last", "labels"]


@pytest.mark.parametrize(
    ("here", "there", "same"),
    [
        ([span(5, 9, 0), span(5, 20, 1)], [span(5, 21, 0), span(5, 8, 1)], 2),
        ([span(5, 9, 0), span(6, 10, 1)], [span(6, 10, 0), span(4, 8, 1)], 2),
        ([span(5, 9, 0), span(15, 20, 0)], [span(5, 9, 0), span(15, 20, 1)], 0),
        ([span(5, 9, 0), span(5, 9, 1)], [span(5, 9, 0)], 1),
    ],
    ids=["other numbers", "one could be either", "one person or two", "one more"],
)
def test_people_are_matched_by_all_of_their_episodes_whatever_their_numbers(here, there, same):
    assert len(matched(people(here), people(there))) == same


@pytest.mark.parametrize(
    ("there", "line", "differ"),
    [
        (answer(EPISODE), "12 equal frames; 1 and 1 episodes; match", []),
        (
            answer(span(5, 10), sha256="bb", levels=[100.8, 109.7, 120.9]),
            f"12 frames, mean levels differ by {LEVELS}; 1 and 1 episodes; match",
            [],
        ),
        (
            answer(span(5, 7)),
            "12 equal frames; 1 and 1 episodes; DIFFER",
            [f"only here: {AS_TEXT}", "only there: 5 to 7 (without_mask; gone)"],
        ),
        (
            answer(EPISODE, {**EPISODE, "person": 1}, frames=11),
            "12 and 11 frames; 1 and 2 episodes; DIFFER",
            [f"only there: {AS_TEXT}"],
        ),
    ],
)
def test_a_line_states_frames_and_episodes_and_whether_they_match(there, line, differ):
    assert list(rows(answer(EPISODE), there)) == [(f"a.mp4: {line}", differ)]


def test_a_python_finds_in_the_first_frames_what_it_finds_there_itself(monkeypatch, capsys, demo_video):
    monkeypatch.setattr(sys, "argv", ["episodes", str(demo_video), "--python", sys.executable, "--frames", "20"])
    monkeypatch.chdir(ROOT)
    assert episodes.main() == 0
    assert f"{demo_video.name}: 20 equal frames; " in capsys.readouterr().out


def test_a_python_that_fails_ends_the_comparison():
    with pytest.raises(SystemExit, match=r"false ended with 1"):
        episodes.found(Path("/bin/false"), "live", 1, [])
