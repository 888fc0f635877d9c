"""The comparison of episodes across runtimes and processors finds what differs, and lets one frame pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.platform import episodes
from tests.platform.episodes import rows, unlike
from tests.support.program import ROOT

EPISODE = {"person": 0, "first": 5, "last": 9, "labels": ["without_mask"], "reason": "gone"}
LEVELS = "+0.80 -0.30 +0.90 (blue, green, red)"
DECODED = {"frames": 12, "sha256": "aa", "levels": [100.0, 110.0, 120.0]}


def answer(*found: dict, **decoded: object) -> dict:
    return {"episodes": {"/clips/a.mp4": list(found)}, "decoded": {"/clips/a.mp4": {**DECODED, **decoded}}}


def test_what_differs_between_two_episodes_is_named():
    assert unlike(EPISODE, {**EPISODE, "first": 6, "last": 8}) == []
    assert unlike(EPISODE, {**EPISODE, "first": 7, "reason": "mask_on"}) == ["first", "reason"]
    assert unlike(EPISODE, {**EPISODE, "person": 1, "labels": []}) == ["person", "labels"]


@pytest.mark.parametrize(
    ("there", "line", "differ"),
    [
        (answer(EPISODE), "12 equal frames; 1 and 1 episodes, at most 0 frames apart; match", []),
        (
            answer({**EPISODE, "last": 10}, sha256="bb", levels=[100.8, 109.7, 120.9]),
            f"12 frames, mean levels differ by {LEVELS}; 1 and 1 episodes, at most 1 frames apart; match",
            [],
        ),
        (
            answer({**EPISODE, "last": 7}),
            "12 equal frames; 1 and 1 episodes, at most 2 frames apart; DIFFER",
            ["0: last"],
        ),
        (
            answer(EPISODE, EPISODE, frames=11),
            "12 and 11 frames; 1 and 2 episodes, at most 0 frames apart; DIFFER",
            ["1: absent"],
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
