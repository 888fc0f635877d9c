"""Three runs of one video: what is selected in each."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.bench.runs import measured
from edge.settings.load import load
from edge.stages import load_models

FRAMES = 24


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the runs of two seconds of an empty street that does not change."""
    path = tmp_path_factory.mktemp("bench") / "still.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 12, (320, 180))
    for _ in range(FRAMES):
        writer.write(np.full((180, 320, 3), 90, np.uint8))
    writer.release()
    settings = load(overrides=["detector.profile=live"]).settings
    return measured(settings, load_models(settings, profile="live"), path, 1_000)


def test_every_run_ends_with_the_video(runs):
    assert {name: run.frames for name, run in runs.items()} == dict.fromkeys(runs, FRAMES)


def test_faces_are_detected_in_every_frame_of_the_first_run(runs):
    first = runs["every_frame"]
    assert (first.selected, len(first.stages["detect"])) == (FRAMES, FRAMES)
    assert "select" not in first.stages


@pytest.mark.parametrize("name", ["gate", "gate_and_governor"])
def test_the_gate_closes_where_nothing_moves(runs, name):
    assert runs[name].selected == len(runs[name].stages["detect"]) == 1
    assert len(runs[name].stages["select"]) == FRAMES


def test_reading_and_processor_time_are_measured(runs):
    for run in runs.values():
        assert len(run.stages["read"]) == FRAMES + 1
        assert 0 < sum(run.stages["detect"]) <= run.elapsed_s
        assert run.cpu_s > 0
