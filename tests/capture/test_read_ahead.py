"""Files that are slow, stall, break off and never return."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edge import pipeline
from edge import stages as parts
from edge.capture import CameraState
from edge.capture.read_ahead import ReadAhead
from edge.capture.video import VideoSource
from edge.data import Faces, Frame, Gap, Mask, Reason, Scene, Verdicts
from edge.errors import CameraError, InputError, ThreadStuck
from edge.monitor.timings import Timings
from edge.settings.load import load
from tests.support import fakes
from tests.support.fakes import Stopwatch, eventually


class Files:
    """A source that plays a script: frames, errors to raise, callables to call first."""

    def __init__(self, script: Iterable[object]) -> None:
        self._script = script
        self.read = 0
        self.closed = False

    def __iter__(self):
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            if callable(step):
                step()
                continue
            self.read += 1
            yield step

    def close(self) -> None:
        self.closed = True


def frames(count: int, rate_hz: float = 10.0) -> list[Frame]:
    return [fakes.frame(at=k / rate_hz, seq=k) for k in range(count)]


def ahead_of(files: Files | Callable[[], Files], **changes) -> ReadAhead:
    bounds = {"open_timeout_s": 5.0, "patience_s": 1.5, "stuck_s": 30.0, "pace": False, **changes}
    opener = files if callable(files) else lambda: files
    return ReadAhead("clip.mp4", opener, stop=threading.Event(), **bounds)


def numbers(moments: Iterable[Frame | Gap]) -> list[int]:
    return [moment.seq for moment in moments if isinstance(moment, Frame)]


def test_a_slow_reader_gets_every_frame_in_order_and_few_are_held():
    files = Files(frames(40))
    ahead, held, walked = ahead_of(files), [], []
    for moment in ahead:
        time.sleep(0.005)
        walked.append(moment)
        held.append(files.read - len(numbers(walked)))
    assert numbers(walked) == list(range(40))
    assert 1 < max(held) <= 3
    assert eventually(lambda: files.closed)


def test_a_stall_is_reported_within_2_s_and_media_time_does_not_advance():
    release = threading.Event()
    files = Files([*frames(5), lambda: release.wait(20), *frames(12)[5:]])
    ahead, states, moments, watch = ahead_of(files), [], [], Stopwatch()
    for moment in ahead:
        moments.append(moment)
        states.append(ahead.state)
        if ahead.state is CameraState.SILENT and not release.is_set():
            assert watch.s <= 2.1
            assert re.search(r"no frame for \d", ahead.detail)
            release.set()
    assert CameraState.SILENT in states
    assert numbers(moments) == list(range(12))
    gaps = [moment.at for moment in moments if isinstance(moment, Gap)]
    assert gaps
    assert set(gaps) == {0.4}
    assert states[0] is states[-1] is CameraState.OK


def test_a_second_stall_is_reported_as_soon_as_the_first():
    """A long stall must not count as the time that a read of this file takes."""
    files = Files([fakes.frame(), lambda: time.sleep(1.2), fakes.frame(), lambda: time.sleep(1.2), fakes.frame()])
    ahead, moments, told_after = ahead_of(files, patience_s=0.3), [], set()
    for moment in ahead:
        moments.append(moment)
        if ahead.state is CameraState.SILENT:
            told_after.add(len(numbers(moments)))
    assert told_after == {1, 2}


def test_files_that_are_always_slow_to_read_are_not_silent():
    slow = [step for frame in frames(7) for step in (lambda: time.sleep(0.6), frame)]
    ahead = ahead_of(Files(slow), patience_s=0.3)
    states = [ahead.state for moment in ahead if moment.at >= 0.2]
    assert set(states) == {CameraState.OK}


def test_an_error_of_a_file_is_raised_before_iteration_begins():
    def missing() -> Files:
        raise InputError("clip.mp4: no such file")

    with pytest.raises(InputError, match="no such file"):
        ahead_of(missing)


def test_a_file_that_fails_to_open_after_a_delay_ends_iteration_with_its_error():
    def late() -> Files:
        time.sleep(1.6)
        raise CameraError("clip.mp4: is no video")

    ahead = ahead_of(late)
    assert ahead.state is CameraState.OPENING
    with pytest.raises(CameraError, match="is no video"):
        list(ahead)


def test_a_file_that_takes_its_time_to_open_is_silent_only_after_the_time_for_opening():
    release = threading.Event()

    def slow() -> Files:
        release.wait(20)
        return Files(frames(2))

    began_at, watch, states = time.monotonic(), Stopwatch(), []
    ahead = ahead_of(slow, open_timeout_s=2.5)
    for _ in ahead:
        states.append(ahead.state)
        if ahead.state is CameraState.SILENT and not release.is_set():
            assert time.monotonic() - began_at >= 2.4
            assert watch.s <= 3.2
            release.set()
    assert CameraState.SILENT in states
    assert states[-1] is CameraState.OK


def test_an_error_in_the_middle_is_raised_after_the_frames_before_it():
    walk = iter(ahead_of(Files([*frames(6), CameraError("clip.mp4: broke off")])))
    assert numbers(islice(walk, 6)) == list(range(6))
    with pytest.raises(CameraError, match="broke off"):
        next(walk)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_ends_the_walk_and_does_not_look_like_the_end_of_a_file():
    with pytest.raises(ThreadStuck, match=r"read clip\.mp4 has ended"):
        list(ahead_of(Files([*frames(3), ZeroDivisionError("decoder")])))


def test_a_read_that_never_returns_ends_the_walk_and_closing_waits_no_longer_than_its_deadline():
    release = threading.Event()
    files = Files([*frames(3), lambda: release.wait(30)])
    ahead = ahead_of(files, stuck_s=0.8)
    with pytest.raises(ThreadStuck, match=r"clip\.mp4: a call into the file has not returned"):
        list(ahead)
    watch = Stopwatch()
    ahead.close()
    assert watch.s < 1.5
    assert not files.closed  # the call has not returned
    release.set()
    assert eventually(lambda: files.closed)


def test_closing_in_the_middle_ends_the_thread_and_closes_the_file():
    files = Files(frames(1000))
    ahead = ahead_of(files)
    next(iter(ahead))
    ahead.close()
    assert files.closed
    assert files.read < 10
    assert not any(thread.name == "read clip.mp4" for thread in threading.enumerate())


def test_a_frame_counts_as_read_when_it_is_taken():
    """Else the reported latency would include the time for which frames were held."""
    walk, asked_at = iter(ahead_of(Files(frames(6)))), 0.0
    for moment in walk:
        assert asked_at <= moment.read_at <= time.monotonic()
        time.sleep(0.1)
        asked_at = time.monotonic()


def test_a_paced_video_keeps_to_its_own_speed(demo_video):
    ahead, began_at, watch = ahead_of(lambda: VideoSource(demo_video), pace=True), time.monotonic(), Stopwatch()
    for moment in ahead:
        if numbers([moment]) == [6]:
            break
    ahead.close()
    assert time.monotonic() - began_at >= 0.95
    assert watch.s < 2.0


def test_a_pace_of_seconds_is_no_stall_and_holds_up_no_stop():
    ahead, states = ahead_of(Files(frames(3, rate_hz=0.5)), pace=True, patience_s=0.3, stuck_s=1.0), []
    for moment in ahead:
        states.append(ahead.state)
        if moment.at >= 2.0:
            break
    watch = Stopwatch()
    ahead.close()
    assert set(states) == {CameraState.OK}
    assert watch.s < 1.0


class Visitor:
    """A face without a mask, present for two of every three seconds; every other time it soon turns away."""

    def detect(self, frame: Frame) -> Faces:
        return fakes.faces(*[(0, 0, 20, 20)] * (frame.at % 3 < 2))

    def classify(self, frame: Frame, boxes: np.ndarray) -> Verdicts:
        looks_away = frame.at % 6 < 3 and frame.at % 3 > 0.4
        return fakes.verdicts(*[Mask.UNSURE if looks_away else Mask.WITHOUT_MASK] * len(boxes))


def alerts_of(moments: list[Frame | Gap]) -> tuple[list[tuple], list[Scene]]:
    """Return the alerts of a video, and its scenes."""
    overrides = ["alert.gone_s=0.5", "track.max_lost_s=0.6", "vote.half_life_s=0.1"]
    settings = load(system_file=Path("/nonexistent"), overrides=overrides).settings
    models = parts.Models(Visitor(), Visitor(), {}, (320, 256))
    stages, sink = parts.build_stages(settings, models, Timings(), every_frame=False), fakes.KeepingSink()
    pipeline.run(fakes.ListSource(moments), stages, [sink], stop=threading.Event(), beat=lambda: None)
    alerts = [(a.event_type, a.seq, a.since, a.raised_at, a.reason, a.track) for a in sink.alerts]
    return alerts, sink.scenes


def test_alerts_of_a_file_do_not_depend_on_where_it_stalled():
    film = frames(120)
    plain, _ = alerts_of(film)
    stalled, _ = alerts_of([moment for frame in film for moment in (frame, Gap(frame.at), Gap(frame.at))])
    assert [alert[0].value for alert in plain] == ["start", "end"] * 2
    assert stalled == plain


def test_a_stall_before_the_first_frame_is_walked():
    _, scenes = alerts_of([Gap(0.0), Gap(0.0), *frames(3)])
    assert [scene.frame is None for scene in scenes] == [True, True, False, False, False, True]


def test_during_a_stall_no_face_is_visible_but_tracks_are_kept():
    film = frames(50)
    _, scenes = alerts_of([*film[:46], Gap(4.5), *film[46:]])
    during = scenes[46]
    assert during.frame is None
    assert during.visible == ()
    assert [track.id for track in during.tracks] == [track.id for track in scenes[45].visible]
    assert during.unmasked
    assert not during.alerts


def test_the_clock_of_a_camera_goes_on_in_a_gap_so_episodes_end():
    alerts, _ = alerts_of([*frames(46), Gap(5.5)])
    assert [(alert[0].value, alert[4]) for alert in alerts] == [("start", None), ("end", Reason.GONE)]
    assert alerts[1][3] == 5.5
