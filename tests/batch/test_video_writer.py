"""Drawn videos have the length of their source, can be played, and are absent if they cannot be written."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge.batch import video_writer as module
from edge.batch.rows import Summary
from edge.batch.video_writer import VideoWriter
from edge.capture.video import VideoSource
from edge.errors import OutputError
from tests.support.needs import need


def grey(level: int, size_px: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((size_px[1], size_px[0], 3), level, np.uint8)


def frames_of(path: Path) -> list[tuple[float, int]]:
    source = VideoSource(path)
    found = [(round(frame.at, 2), round(float(frame.image.mean()) / 10) * 10) for frame in source]
    source.close()
    return found


@pytest.fixture(params=["ffmpeg", "OpenCV alone"])
def encoder(request, monkeypatch):
    """Write with the program ffmpeg, and as if it were not installed."""
    if request.param == "ffmpeg":
        need("ffmpeg")
    else:
        monkeypatch.setattr(module, "_ffmpeg", lambda: None)
    return request.param


def test_a_frame_stays_until_the_next_one_is_due(tmp_path, encoder):
    video = VideoWriter(tmp_path / "v.mp4", 4.0)
    for at, level in ((0.0, 50), (0.25, 100), (1.5, 150), (1.52, 200)):
        video.write(grey(level), at)
    video.close()
    shown = [(0.25 * k, 50 if k < 1 else 100 if k < 6 else 200) for k in range(7)]
    assert frames_of(tmp_path / "v.mp4") == shown
    assert list(tmp_path.iterdir()) == [tmp_path / "v.mp4"]


def test_sides_of_odd_length_and_a_size_that_changes_are_fitted(tmp_path, encoder):
    video = VideoWriter(tmp_path / "v.mp4", 10.0)
    for step, size_px in enumerate(((65, 49), (65, 49), (130, 98), (40, 40))):
        video.write(grey(100, size_px), step / 10)
    video.close()
    assert [level for _, level in frames_of(tmp_path / "v.mp4")] == [100] * 4


def test_a_folder_and_a_name_that_are_not_utf_8_are_accepted(tmp_path, encoder):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    video = VideoWriter(folder / os.fsdecode(b"vid\xe9o.mp4"), 10.0)
    video.write(grey(100), 0.0)
    video.close()
    assert len(frames_of(folder / os.fsdecode(b"vid\xe9o.mp4"))) == 1


def test_h_264_is_written_if_ffmpeg_is_installed(tmp_path):
    video = VideoWriter(tmp_path / "v.mp4", 10.0)
    video.write(grey(100), 0.0)
    video.close()
    command = [
        need("ffprobe"),
        "-v",
        "error",
        "-show_entries",
        "stream=codec_name",
        "-of",
        "csv=p=0",
        tmp_path / "v.mp4",
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "h264"


def test_a_video_without_a_frame_is_not_written(tmp_path, encoder):
    VideoWriter(tmp_path / "v.mp4", 10.0).close()
    assert list(tmp_path.iterdir()) == []


def test_the_error_names_a_folder_that_no_longer_exists(tmp_path, encoder):
    video = VideoWriter(tmp_path / "gone/v.mp4", 10.0)
    with pytest.raises(OutputError, match=r"gone/v\.mp4: cannot be written: No such file"):
        video.write(grey(100), 0.0)


def row(*tracks: tuple[int, str], at: float = 0.0) -> dict:
    return {"t_s": at, "faces": [{"track_id": number, "track_label": label} for number, label in tracks]}


def test_a_summary_counts_people_by_their_most_frequent_label():
    summary = Summary("clip.mp4")
    for at in range(3):
        summary.write(row((1, "without_mask"), (2, "unsure"), at=float(at)))
    summary.write(row((1, "unsure"), (2, "with_mask"), (3, "unsure"), at=3.0))
    summary.alerts = 1
    assert summary.of_video() == "clip.mp4: 4 frames in 3.0 s: 1 unsure, 1 with_mask, 1 without_mask; 1 alert"
    assert Summary("empty.mp4").of_video() == "empty.mp4: 0 frames in 0.0 s: no face; 0 alerts"
