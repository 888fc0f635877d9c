"""Live cameras that come, go, fall silent and get stuck."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from edge.capture import CameraState
from edge.capture.latest_frame import LatestFrame
from edge.capture.live import LiveSource
from edge.data import Frame, Gap
from edge.errors import CameraError, CameraLost, ThreadStuck
from tests.support import fakes
from tests.support.fakes import FakeCamera, Stopwatch, eventually, picture


def source(*cameras: object, **changes) -> LiveSource:
    """Return a source that opens the given cameras one after another, then none."""
    script = iter(cameras)

    def open_next() -> FakeCamera:
        camera = next(script, CameraError("no camera is connected"))
        if isinstance(camera, Exception):
            raise camera
        return camera

    bounds = {
        "stop": threading.Event(),
        "patience_s": 0.3,
        "frozen_s": 60.0,
        "stuck_s": 5.0,
        "retry_max_s": 0.2,
        **changes,
    }
    return LiveSource("test", open_next, **bounds)


def slowly(value: int, pause_s: float = 0.02):
    def step():
        time.sleep(pause_s)
        return picture(value)

    return step


def first(live: LiveSource, count: int) -> list:
    """Return the first `count` frames, passing over moments without one."""
    frames = []
    for frame in live:
        if isinstance(frame, Frame):
            frames.append(frame)
        if len(frames) == count:
            break
    live.close()
    return frames


def test_the_newest_frame_wins_and_what_is_lost_is_counted():
    slot = LatestFrame()
    for seq in range(5):
        slot.put(fakes.frame(seq=seq))
    assert slot.take(0).seq == 4
    assert slot.dropped == 4
    assert slot.take(0.01) is None


def test_frames_come_in_order_and_in_the_time_of_this_process():
    before = time.monotonic()
    frames = first(source(FakeCamera(slowly(v) for v in range(50))), 10)
    assert [frame.seq for frame in frames] == sorted({frame.seq for frame in frames})
    assert before < frames[0].at <= time.monotonic()


def test_a_camera_far_too_fast_is_bounded_and_its_drops_are_counted():
    live = source(FakeCamera(picture(v % 250) for v in range(3000)))
    walk = iter(live)
    next(walk)
    assert eventually(lambda: live.dropped > 1000)
    live.close()


def test_an_absent_camera_yields_gaps_and_is_tried_again():
    absent = [CameraError("no camera")] * 2
    live = source(*absent, FakeCamera(slowly(v) for v in range(100)), retry_max_s=0.8)
    walk = iter(live)
    assert isinstance(next(walk), Gap)
    assert next(frame for frame in walk if isinstance(frame, Frame))
    live.close()


def test_a_camera_that_vanishes_is_opened_again():
    cameras = [FakeCamera([picture(1), CameraLost("unplugged")]), FakeCamera(slowly(2) for _ in range(200))]
    live = source(*cameras)
    frames = first(live, 3)
    assert frames[-1].image[0, 0, 0] == 2
    assert cameras[0].closed
    assert live.reopened == 1


def test_damaged_images_are_dropped_and_counted():
    live = source(FakeCamera([None, None, *(slowly(3) for _ in range(50))]))
    assert first(live, 1)[0].image[0, 0, 0] == 3
    assert live.damaged == 2


def test_an_image_of_another_size_in_the_stream_is_accepted():
    live = source(FakeCamera([slowly(1), slowly(1), lambda: picture(2, (128, 96)), *(slowly(2) for _ in range(50))]))
    assert len(first(live, 4)) == 4


def test_a_driver_that_raises_anything_does_not_end_the_service():
    cameras = [FakeCamera([picture(1), ZeroDivisionError("driver")]), FakeCamera(slowly(2) for _ in range(200))]
    assert len(first(source(*cameras), 3)) == 3


def test_silence_is_noticed_within_its_patience():
    release = threading.Event()
    live = source(FakeCamera([slowly(1), slowly(1), slowly(1), lambda: release.wait(20) and picture(9)]))
    walk = iter(live)
    next(frame for frame in walk if isinstance(frame, Frame))
    watch = Stopwatch()
    while live.state is not CameraState.SILENT:
        next(walk)
        assert watch.s < 2.0
    release.set()
    live.close()


def test_a_slow_camera_is_not_lost_within_three_of_its_intervals():
    live = source(FakeCamera(slowly(v, 0.6) for v in range(20)), patience_s=0.3)
    states = set()
    for count, _ in enumerate(live):
        states.add(live.state)
        if count == 6:
            break
    live.close()
    assert states <= {CameraState.OPENING, CameraState.OK}


def test_a_call_that_never_returns_ends_iteration():
    release = threading.Event()
    live = source(FakeCamera([lambda: release.wait(30)]), stuck_s=0.8)
    with pytest.raises(ThreadStuck, match="has not returned"):
        for _ in live:
            pass
    release.set()
    live.close()


def test_stopping_is_quick_while_no_camera_is_there():
    live = source(retry_max_s=60.0)
    next(iter(live))
    watch = Stopwatch()
    live.close()
    assert watch.s < 2.5


def test_the_same_state_is_logged_once(caplog):
    caplog.set_level("INFO")
    live = source(*[CameraError("no camera is connected")] * 4, retry_max_s=0.01)
    for count, _ in enumerate(live):
        if count == 3:
            break
    live.close()
    assert caplog.text.count("no camera is connected") == 1


def noisy(seed: int, level: int = 20, pause_s: float = 0.02):
    def step():
        time.sleep(pause_s)
        noise = np.random.default_rng(seed).normal(level, 2, (48, 64, 3))
        return np.clip(noise, 0, 255).astype(np.uint8)

    return step


def states_while(live: LiveSource, seconds: float) -> set[CameraState]:
    """Return the states that a camera goes through."""
    began_at, states = time.monotonic(), set()
    for _ in live:
        states.add(live.state)
        if time.monotonic() - began_at > seconds:
            break
    return states


def test_a_frozen_camera_is_detected_and_reopened_until_its_image_changes():
    frozen = FakeCamera(slowly(7) for _ in range(1000))
    still_frozen = FakeCamera(slowly(7) for _ in range(1000))
    well = FakeCamera(noisy(k) for k in range(1000))
    live = source(frozen, still_frozen, well, frozen_s=0.5)
    assert CameraState.FROZEN in states_while(live, 1.2)
    assert eventually(lambda: frozen.closed and still_frozen.closed)
    assert states_while_again(live) == CameraState.OK
    live.close()


def states_while_again(live: LiveSource) -> CameraState:
    assert eventually(lambda: live.state is CameraState.OK, 5)
    return live.state


def test_a_still_night_scene_with_its_noise_is_not_frozen():
    live = source(FakeCamera(noisy(k, level=6) for k in range(1000)), frozen_s=0.3)
    assert states_while(live, 1.5) <= {CameraState.OPENING, CameraState.OK}
    live.close()


def test_a_compressed_still_that_repeats_itself_between_key_frames_is_not_frozen():
    pictures = (noisy(k // 10) for k in range(1000))
    live = source(FakeCamera(pictures), frozen_s=0.5)
    assert states_while(live, 1.5) <= {CameraState.OPENING, CameraState.OK}
    live.close()


def test_a_camera_that_hands_its_last_picture_to_each_new_connection_comes_back():
    frozen = FakeCamera(slowly(7) for _ in range(1000))
    well = FakeCamera([slowly(7), slowly(7), *(noisy(k) for k in range(1000))])
    live = source(frozen, well, frozen_s=0.5)
    assert CameraState.FROZEN in states_while(live, 1.2)
    assert eventually(lambda: live.state is CameraState.OK, 5)
    live.close()


def test_a_still_picture_after_a_silence_is_a_camera_that_is_back():
    release = threading.Event()
    silent = FakeCamera([slowly(7), slowly(7), lambda: release.wait(1) or picture(7)])
    live = source(silent, FakeCamera(slowly(7) for _ in range(1000)))
    states_while(live, 3.0)
    assert live.state is CameraState.OK
    live.close()
