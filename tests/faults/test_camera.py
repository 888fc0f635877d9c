"""Rows 1 to 12: cameras that are absent, vanish, stall, freeze, go blind, stutter or hurry."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture import CameraState, spec
from edge.capture.freeze import FreezeDetector
from edge.capture.live import LiveSource
from edge.capture.opencv import OpenCvCamera, open_stream
from edge.data import Frame, Gap, Mask
from edge.errors import CameraError
from edge.monitor.lens import LensHealth
from tests.support import fakes, street
from tests.support.fakes import FakeCamera, Stopwatch, eventually, picture
from tests.support.needs import need
from tests.support.service import Ear, Watch, on
from tests.support.station import OVERLOAD_HZ, MjpegCamera, Station, heat, seconds_until, size_bytes, station

NOTICE_S = 2.0
PUBLISH_S = 1.5
"""What the way to the listener may take on a machine that is busy with other things."""
RETURN_S = 5.0
LENS_S = 10.0


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Station]:
    """Return one station for the whole module; each test leaves it well."""
    with station(tmp_path_factory.mktemp("station")) as made:
        yield made


@pytest.fixture
def at_work(running: Station) -> Station:
    """Return the station when it sees its street."""
    running.camera.show, running.camera.rate_hz = street.well(), 12.0
    assert eventually(lambda: running.health == "ok", 20), running.health
    assert running.walks(3)
    return running


def test_an_absent_camera_is_reported_and_tried_again_until_it_is_there(mosquitto, record_property):
    camera = MjpegCamera()
    camera.unplug()
    ear = Ear(mosquitto.port)
    watch = Watch("--source", camera.url, *on(mosquitto), "--set", "mqtt.outbox=memory")
    try:
        assert eventually(lambda: ear.of("status"), 30)
        states = partial(ear.of, "camera/main/health")
        noticed_s = seconds_until(lambda: states() and json.loads(states()[-1])["state"] == "offline", 8)
        camera.plug_in()
        record_property("noticed_s", noticed_s)
        record_property("recovered_s", seconds_until(lambda: json.loads(states()[-1])["state"] == "ok", 20))
        assert watch.process.poll() is None
    finally:
        watch.process.kill()
        watch.process.communicate()
        ear.close()
        camera.unplug()


def test_a_camera_that_is_unplugged_is_noticed_and_found_again_when_it_is_back(at_work, record_property):
    at_work.camera.unplug()
    record_property("noticed_s", seconds_until(lambda: at_work.health in ("silent", "offline"), NOTICE_S + PUBLISH_S))
    assert at_work.problem("camera")
    at_work.camera.plug_in()
    record_property("recovered_s", seconds_until(lambda: at_work.health == "ok", RETURN_S + PUBLISH_S))
    assert eventually(lambda: not at_work.problem("camera"))
    assert at_work.up


class Bus:
    """Devices as files in a folder, opened by a fake driver: what is plugged in has a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[str] = []

    def plug(self, name: str) -> None:
        (self.folder / name).touch()
        link = self.folder / "by-id"
        link.unlink(missing_ok=True)
        link.symlink_to(self.folder / name)

    def unplug(self, name: str) -> None:
        (self.folder / name).unlink()

    def open(self, device: str) -> FakeCamera:
        path = Path(device).resolve()
        if not path.exists():
            raise CameraError(f"{device}: cannot be opened")
        self.opened.append(path.name)

        def read():
            time.sleep(0.02)
            return picture(len(self.opened) * 10) if path.exists() else CameraError("unplugged")

        return FakeCamera(read for _ in range(100_000))


@pytest.mark.parametrize("named", ["by its class", "by its path"])
def test_a_camera_plugged_in_again_as_another_device_is_found(tmp_path, monkeypatch, named, record_property):
    bus = Bus(tmp_path)
    bus.plug("video0")
    monkeypatch.setattr(spec, "Path", lambda path: tmp_path if path == "/dev" else Path(path))
    by_class = partial(spec._first_camera, pi=None, usb=bus.open)
    by_path = partial(bus.open, str(tmp_path / "by-id"))
    opener = by_class if named == "by its class" else by_path
    bounds = {"patience_s": 1.0, "frozen_s": 60.0, "stuck_s": 20.0, "retry_max_s": 0.5}
    live = LiveSource("x", opener, stop=threading.Event(), **bounds)
    walk = iter(live)
    next(frame for frame in walk if isinstance(frame, Frame))
    bus.unplug("video0")
    record_property("noticed_s", seconds_until(lambda: live.state is not CameraState.OK, NOTICE_S))
    bus.plug("video7")
    record_property("recovered_s", seconds_until(lambda: live.state is CameraState.OK, RETURN_S))
    live.close()
    assert (bus.opened[0], bus.opened[-1]) == ("video0", "video7")


def test_a_stream_that_stalls_is_noticed_and_read_again_within_5_s_of_its_return(at_work, record_property):
    at_work.camera.stall()
    record_property("noticed_s", seconds_until(lambda: at_work.health == "silent", NOTICE_S + PUBLISH_S))
    at_work.camera.recover()
    record_property("recovered_s", seconds_until(lambda: at_work.health == "ok", RETURN_S + PUBLISH_S))
    assert at_work.walks()


def test_a_call_into_the_camera_that_never_returns_ends_the_program_with_70(mosquitto, record_property):
    camera = MjpegCamera()
    bounds = ("--set", "camera.read_timeout_s=120", "--set", "camera.stuck_s=4", "--set", "mqtt.outbox=memory")
    ear, watch = Ear(mosquitto.port), Watch("--source", camera.url, *on(mosquitto), *bounds)
    try:
        assert eventually(lambda: ear.of("camera/main/health"), 30)
        camera.stall()
        record_property("ended_s", seconds_until(lambda: watch.process.poll() is not None, 4 + NOTICE_S + 6))
        _, err = watch.process.communicate()
        assert watch.process.returncode == 70, err
        assert "has not returned" in err
        assert "Traceback" not in err
    finally:
        watch.process.kill()
        ear.close()
        camera.unplug()


def test_the_old_picture_again_and_again_is_no_progress():
    progress, old = FreezeDetector(), picture(7)
    assert progress.changed(old, 1.0)
    assert not any(progress.changed(old, 1.0 + k / 10) for k in range(1, 100))
    assert progress.unchanged_s(10.9) == pytest.approx(9.9)


def test_a_frozen_image_is_reported_within_10_s_and_the_camera_opened_again(at_work, record_property):
    reopened = at_work.stats["reopened"]
    at_work.camera.show = street.frozen()
    record_property("noticed_s", seconds_until(lambda: at_work.health == "frozen", LENS_S + PUBLISH_S))
    assert eventually(lambda: at_work.stats["reopened"] > reopened, 10)
    at_work.camera.show = street.well()
    record_property("recovered_s", seconds_until(lambda: at_work.health == "ok", RETURN_S + PUBLISH_S))


def compressed_still(folder: Path) -> list[np.ndarray]:
    """Return a still scene as H.264 gives it: the very same picture for seconds between key frames."""
    still, film = folder / "still.png", folder / "still.mp4"
    cv2.imwrite(str(still), street.scene())
    source = ("-loop", "1", "-framerate", "12", "-i", still, "-t", "12")
    encoder = ("-c:v", "libx264", "-g", "48", "-bf", "0", "-crf", "28", "-pix_fmt", "yuv420p")
    subprocess.run([need("ffmpeg"), "-loglevel", "error", *map(str, (*source, *encoder, film))], check=True)
    capture, pictures = cv2.VideoCapture(str(film)), []
    while (read := capture.read())[0]:
        pictures.append(read[1])
    return pictures


def first_the_old_one() -> FakeCamera:
    """Return a camera that begins with the picture that it froze on, as network cameras send their last key frame."""
    return FakeCamera(partial(slowly, 7 if number < 3 else number % 200) for number in range(100_000))


def slowly(value: int) -> np.ndarray:
    time.sleep(0.02)
    return picture(value)


@pytest.mark.parametrize("fault", ["frozen", "silent", "unplugged"])
def test_a_camera_that_begins_again_with_the_old_picture_is_well_again(fault):
    """A reopened camera that shows what it showed before: it was taken for frozen at once, for ever."""
    release = threading.Event()
    ends = {"frozen": lambda: slowly(7), "silent": lambda: release.wait(2) and None, "unplugged": CameraError("gone")}
    first = FakeCamera([*[partial(slowly, 7)] * 3, *[ends[fault]] * 100_000])
    cameras = iter([first, *[first_the_old_one() for _ in range(50)]])
    bounds = {"patience_s": 0.5, "frozen_s": 0.6, "stuck_s": 20.0, "retry_max_s": 0.5}
    live = LiveSource("x", lambda: next(cameras), stop=threading.Event(), **bounds)
    walk = iter(live)
    for _ in walk:
        if live.state not in (CameraState.OK, CameraState.OPENING):
            break
    release.set()
    began_at = time.monotonic()
    for _ in walk:
        if live.state is CameraState.OK or time.monotonic() - began_at > RETURN_S:
            break
    assert live.state is CameraState.OK
    live.close()


def states_of(pictures: list[np.ndarray], rate_hz: float, frozen_s: float = 8.0) -> set[str]:
    """Return what a minute of pictures is taken for, by the rule of the live source."""
    progress, states = FreezeDetector(), set()
    for number in range(round(60 * rate_hz)):
        at = number / rate_hz
        moved = progress.changed(pictures[number % len(pictures)], at)
        states.add("frozen" if not moved and progress.unchanged_s(at) >= frozen_s else "ok")
    return states


def test_an_exact_repeat_is_frozen_and_a_noisy_or_a_compressed_still_is_not(tmp_path):
    still, compressed = street.scene(), compressed_still(tmp_path)
    same = [(a == b).all() for a, b in pairwise(compressed)]
    assert sum(same) > len(same) / 2, "the compressed still must repeat itself, or this shows nothing"
    assert states_of([still], 12.0) == {"ok", "frozen"}
    assert states_of([street.noisy(still, 1.0, seed) for seed in range(24)], 12.0) == {"ok"}
    assert states_of([street.noisy(street.night_scene(), 2.0, seed) for seed in range(24)], 12.0) == {"ok"}
    assert states_of(compressed, 12.0) == {"ok"}


def lens_after(pictures: list[np.ndarray], seconds: float) -> LensHealth:
    """Return the lens's health after some seconds of pictures, 12 a second."""
    health = LensHealth(patience_s=3.0, moved_s=180.0)
    for number in range(round(12 * seconds)):
        frame = fakes.frame(number / 12, number, pictures[number % len(pictures)].copy())
        health.put(fakes.Scene(frame, fakes.faces(), (), (), number / 12))
    return health


def labels_with(health: LensHealth) -> tuple[Mask, ...]:
    classify = health.unsure_while_blind(lambda _frame, _faces, _mirrored: fakes.verdicts(Mask.WITHOUT_MASK))
    return classify(fakes.frame(), fakes.faces(), [False]).masks


@pytest.mark.parametrize(
    ("kind", "state"), [("covered", "dark"), ("overexposed", "bright"), ("blurred", "blurred")], ids=str
)
def test_a_blind_lens_makes_verdicts_unsure_and_a_noisy_night_does_not(kind, state):
    def decoded(name: str) -> list[np.ndarray]:
        return [cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1) for jpeg in getattr(street, name)()]

    blind, night, day = (lens_after(decoded(name), LENS_S) for name in (kind, "night", "well"))
    assert blind.state.value == state
    assert labels_with(blind) == (Mask.UNSURE,)
    for seeing in (night, day):
        assert seeing.state.value == "ok"
        assert labels_with(seeing) == (Mask.WITHOUT_MASK,)


@pytest.mark.parametrize(
    ("kind", "state"), [("covered", "dark"), ("overexposed", "bright"), ("blurred", "blurred")], ids=str
)
def test_a_blind_lens_is_reported_within_10_s_and_so_is_its_recovery(at_work, kind, state, record_property):
    at_work.camera.show = getattr(street, kind)()
    record_property("noticed_s", seconds_until(lambda: at_work.health == state, LENS_S + PUBLISH_S))
    assert at_work.problem("lens") == state
    at_work.camera.show = street.well()
    record_property("recovered_s", seconds_until(lambda: at_work.health == "ok", LENS_S + PUBLISH_S))


def test_torn_pictures_are_passed_over_and_the_walk_goes_on(at_work):
    at_work.camera.show = street.torn()
    assert at_work.walks(20)
    assert at_work.up
    assert at_work.health in ("ok", "silent", "offline")


class Capture:
    """Stands for cv2.VideoCapture with a driver that gives wrong things between good ones."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self._read = 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def get(self, _property: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, object]:
        time.sleep(0.01)
        self._read += 1
        good = np.full((48, 64, 3), self._read % 250, np.uint8)
        return True, self._answers[self._read % len(self._answers)] if self._read % 3 else good

    def release(self) -> None:
        """Hold nothing."""


def test_none_and_pictures_of_a_wrong_shape_or_kind_are_dropped_and_counted():
    wrong = (None, np.zeros((48, 64), np.uint8), np.zeros((0, 0, 3), np.uint8), np.zeros((48, 64, 3), np.float32))
    camera = OpenCvCamera("x", Capture(*wrong, np.zeros((48, 64, 4), np.uint8)))
    bounds = {"patience_s": 1.0, "frozen_s": 60.0, "stuck_s": 20.0, "retry_max_s": 0.5}
    live = LiveSource("x", lambda: camera, stop=threading.Event(), **bounds)
    frames = []
    for frame in live:
        frames += [] if isinstance(frame, Gap) else [frame]
        if len(frames) == 12:
            break
    live.close()
    assert {(frame.image.shape, frame.image.dtype.name) for frame in frames} == {((48, 64, 3), "uint8")}
    assert live.damaged >= 8
    assert live.reopened == 0


def test_a_stream_that_changes_its_size_goes_on(at_work):
    at_work.camera.show = street.well_and_larger()
    assert at_work.walks(20)
    at_work.camera.show = street.well()
    assert at_work.walks(20)
    assert at_work.up


def test_one_frame_a_second_is_walked_with_the_same_latency(at_work):
    at_work.camera.rate_hz = 1.0
    assert at_work.walks(4)
    assert eventually(lambda: at_work.stats["latency_ms"] <= 300, 20), at_work.stats
    assert at_work.health == "ok"


def test_a_burst_of_ten_times_the_rate_is_dropped_and_kept_by_nobody(at_work):
    pid = at_work.watch.process.pid
    before = size_bytes(pid, "VmRSS")
    dropped = at_work.stats["dropped"]
    at_work.camera.rate_hz = OVERLOAD_HZ
    with heat(pid):
        assert eventually(lambda: at_work.stats["dropped"] > dropped + 100, 20), at_work.stats
        assert at_work.health == "ok"
    assert size_bytes(pid, "VmRSS") - before < 50e6


def test_a_camera_that_does_not_answer_is_given_up_in_time():
    camera = MjpegCamera()
    camera.stall()
    watch = Stopwatch()
    with pytest.raises(CameraError):
        open_stream(f"http://127.0.0.1:{camera.port}/x", open_timeout_s=1, read_timeout_s=1)
    assert watch.s < 6
    camera.unplug()
