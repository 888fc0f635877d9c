"""Videos on disk: every frame, in the time of the stream, past damage, whatever their kind and name."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from edge.capture.video import MediaClock, VideoSource
from edge.errors import CameraError, InputError
from tests.support.films import X264, ffmpeg, film
from tests.support.needs import need


def walked(path: Path) -> tuple[list[float], list[str]]:
    """Return the time of every frame of a video, and what is reported of it."""
    bad = []
    source = VideoSource(path, on_bad=bad.append)
    times = [frame.at for frame in source]
    source.close()
    return times, [str(error) for error in bad]


def test_a_video_is_walked_frame_by_frame_in_media_time(demo_video):
    source = VideoSource(demo_video)
    frames = [(frame.seq, frame.at) for frame in source]
    source.close()
    assert frames == [(k, pytest.approx(k / 6)) for k in range(96)]


def test_a_file_that_is_not_a_video_is_reported(tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(b"no video" * 100)
    with pytest.raises(CameraError, match=r"v\.mp4: is not a video"):
        VideoSource(path)


def test_a_missing_video_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        VideoSource(tmp_path / "none.mp4")


def test_a_truncated_video_yields_its_frames_and_is_reported(tmp_path, demo_video):
    path = tmp_path / "cut.avi"
    path.write_bytes(demo_video.read_bytes()[: demo_video.stat().st_size // 2])
    bad = []
    source = VideoSource(path, on_bad=bad.append)
    frames = list(source)
    source.close()
    assert 10 < len(frames) < 90
    assert not source.expected_frames or "truncated" in str(bad[0])


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 0.1, 0.2, 0.3], [0, 0.1, 0.2, 0.3]),
        ([10_800, 10_800.1, 10_800.2], [0, 0.1, 0.2]),
        ([0, 0.1, 0.6, 1.1, 1.2], [0, 0.1, 0.6, 1.1, 1.2]),
        ([0, 0.1, 0.2, 0.05, 0.15], [0, 0.1, 0.2, 0.3, 0.4]),
        ([0, 0.1, 10_000, 10_000.1], [0, 0.1, 0.2, 0.3]),
        ([0, 0, 0, 0], [0, 0.1, 0.2, 0.3]),
        ([0, 0.1, 0, 0.3], [0, 0.1, 0.2, 0.3]),
        ([0, 0.1, 30.1, 30.2], [0, 0.1, 30.1, 30.2]),
        ([0, 0.1, 10.0, 10.1, 0.2, 10.3, 10.4], [0, 0.1, 10.0, 10.1, 10.2, 10.3, 10.4]),
    ],
    ids=[
        "steady",
        "begins at 3 h",
        "variable",
        "jumps back",
        "jumps ahead",
        "none",
        "one absent",
        "half a minute",
        "one out of turn",
    ],
)
def test_time_is_that_of_the_stamps_repaired_where_they_jump(stamps, times):
    clock = MediaClock(0.1)
    assert [clock.at(stamp) for stamp in stamps] == [pytest.approx(at) for at in times]


def test_one_frame_in_five_minutes_is_no_jump():
    clock = MediaClock(300.0)
    assert [clock.at(300.0 * k) for k in range(3)] == [0, 300, 600]


def test_a_variable_frame_rate_keeps_its_time(tmp_path, demo_video):
    """A phone's video of 12 s came out as 30 s: frames were counted, at the mean rate that its header names."""
    path, slow = tmp_path / "v.mp4", "select='lt(t,4)+not(mod(n,6))'"
    ffmpeg("-t", 12, "-i", demo_video, "-vf", f"{slow},scale=320:180", "-fps_mode", "vfr", *X264, path)
    times, bad = walked(path)
    assert times[:25] == [pytest.approx(k / 6, abs=0.01) for k in range(25)]
    assert times[25:30] == [pytest.approx(4.0 + k, abs=0.01) for k in range(1, 6)]
    assert bad == []


def test_a_recording_that_begins_late_and_one_whose_clock_jumps_back_count_from_0_on(tmp_path, demo_video):
    late = film(demo_video, tmp_path / "late.ts", *X264, "-output_ts_offset", "10800")
    first = film(demo_video, tmp_path / "first.ts", *X264)
    twice = tmp_path / "twice.ts"
    twice.write_bytes(first.read_bytes() * 2)
    for path, count in ((late, 24), (twice, 48)):
        times, bad = walked(path)
        assert times == [pytest.approx(k / 6, abs=0.01) for k in range(count)]
        assert bad == []


def test_a_rate_that_no_camera_has_is_not_believed(demo_video, monkeypatch):
    """Some headers name 1000 frames a second: a drawn video would have each frame 160 times."""
    monkeypatch.setattr("edge.capture.video._FASTEST_HZ", 5.0)
    source = VideoSource(demo_video)
    assert (source.rate_hz, source.expected_frames) == (25.0, 0)
    source.close()
    times, bad = walked(demo_video)
    assert (len(times), times[-1], bad) == (96, pytest.approx(95 / 6, abs=0.01), [])


def test_a_variable_rate_and_a_clock_that_jumps_ahead_are_no_damage(tmp_path, demo_video):
    """A header of 12 Hz over one frame in 1.5 s counted as 833 lost frames, and a jump of 2 h as 86,000."""
    slow = tmp_path / "slow.mkv"
    steps = "select='lt(n,60)',setpts='if(lt(N,30),N/6,5+(N-30)*1.5)/TB',scale=320:180"
    ffmpeg("-i", demo_video, "-vf", steps, "-fps_mode", "vfr", *X264, slow)
    times, bad = walked(slow)
    assert (len(times), times[-1], bad) == (60, pytest.approx(5 + 29 * 1.5, abs=0.1), [])
    first = film(demo_video, tmp_path / "first.ts", *X264)
    later = film(demo_video, tmp_path / "later.ts", *X264, "-output_ts_offset", "7200")
    jumping = tmp_path / "jump.ts"
    jumping.write_bytes(first.read_bytes() + later.read_bytes())
    times, bad = walked(jumping)
    assert (len(times), times[-1], bad) == (48, pytest.approx(47 / 6, abs=0.1), [])


def test_a_video_without_a_frame_that_can_be_decoded_is_named_with_its_codec(tmp_path, demo_video, monkeypatch):
    path = film(demo_video, tmp_path / "v.mp4", *X264)
    content = path.read_bytes()
    begin, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    path.write_bytes(content[:begin] + random.Random(3).randbytes(end - begin) + content[end:])
    times, (reason,) = walked(path)
    assert times == []
    assert reason.endswith("v.mp4: is damaged: no frame can be decoded")
    monkeypatch.setattr("edge.capture.video._ALWAYS_DECODED", ())
    assert walked(path)[1][0].endswith("); fix: convert it to H.264")


def spoilt(path: Path, first: float, last: float) -> Path:
    """Overwrite a part of a file with noise."""
    content, dice = bytearray(path.read_bytes()), random.Random(3)
    begin, end = int(first * len(content)), int(last * len(content))
    content[begin:end] = dice.randbytes(end - begin)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["d.mp4", "d.mkv", "d.ts", "d.flv"])
def test_a_damaged_stretch_is_counted_and_all_after_it_is_read(tmp_path, demo_video, name):
    path = film(demo_video, tmp_path / name, *X264, "-g", "12", seconds=16)
    whole, bad = walked(path)
    assert (len(whole), bad) == (96, [])
    times, bad = walked(spoilt(path, 0.4, 0.7))
    assert 50 < len(times) < 86
    assert times[-1] == pytest.approx(whole[-1], abs=0.4)
    (reason,) = bad
    assert f"{name}: is damaged: " in reason
    lost, total = (int(word) for word in reason.split() if word.isdigit())
    assert lost == total - len(times)


def test_a_recording_without_its_index_is_reported_with_the_repair(tmp_path, demo_video):
    path = film(demo_video, tmp_path / "cut.mp4", *X264)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CameraError, match=r"cut\.mp4: has no index \(moov\).* fix: repair it with untrunc"):
        VideoSource(path)


def test_names_that_are_not_utf_8_or_resemble_an_address_are_read(tmp_path, demo_video, monkeypatch):
    """OpenCV ended with a segmentation fault, or took the file for an address."""
    monkeypatch.chdir(tmp_path)
    plain = film(demo_video, tmp_path / "v.mp4", *X264)
    for name in (os.fsdecode(b"vid\xe9o.mp4"), "http:video.mp4", "v%03d.mp4", "ü ünï.mp4"):
        Path(name).write_bytes(plain.read_bytes())
        assert len(walked(Path(name))[0]) == 24


@pytest.mark.long
def test_a_pipe_that_stalls_for_longer_than_opencv_waits_is_read_to_its_end(tmp_path):
    """OpenCV gave up after 30 s in the middle of a picture, and the rest of the video was lost without a word."""
    path = tmp_path / "noise.mjpeg"
    os.mkfifo(path)
    scene = "testsrc2=size=1280x720:rate=12,noise=alls=60:allf=t"  # pictures larger than the pipe
    encoder = ("-c:v", "mjpeg", "-q:v", "2", "-f", "mjpeg", path)
    command = [need("ffmpeg"), "-loglevel", "error", "-y", "-f", "lavfi", "-i", scene, "-t", "5", *encoder]
    writer = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    frames = []
    for frame in VideoSource(path):
        frames.append(frame.seq)
        if frame.seq == 20:
            writer.send_signal(signal.SIGSTOP)
            threading.Timer(34, writer.send_signal, [signal.SIGCONT]).start()
    writer.kill()
    writer.wait()
    assert frames == list(range(60))
