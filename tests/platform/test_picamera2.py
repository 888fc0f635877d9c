"""The real Picamera2 class, on libcamera's virtual camera in a Debian of its own, through our source."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge.capture import picamera
from edge.capture.demo import DemoCamera
from edge.errors import CameraError
from tests.support.machine import Machine, machine

if TYPE_CHECKING:
    from collections.abc import Iterator


def on_a_machine(test):
    """Mark a test that takes a Debian of its own, minutes where there is none in the cache."""
    return pytest.mark.long(pytest.mark.timeout(900)(test))


PICTURES = 8
CAMERA = """%YAML 1.1
---
"Virtual0":
  supported_formats:
SIZES
  frames:
    path: "/frames/"
  location: "CameraLocationFront"
  model: "Virtual"
"""
SIZE = "  - width: {}\n    height: {}\n    frame_rates:\n    - 15\n    - 30"
CONFIGURATION = "/usr/share/libcamera/pipeline/virtual/virtual.yaml"
# the virtual pipeline of libcamera 0.4 reads memory that it never set, and gives no picture unless that is not zero
STRICT_MEMORY = "glibc.malloc.perturb=255:glibc.malloc.tcache_count=0"
SHIM = ("/venv/bin/python", "-m", "tests.platform.virtual_picamera2")
ENVIRON = {"PYTHONPATH": "/src", "LIBCAMERA_LOG_LEVELS": "*:FATAL", "GLIBC_TUNABLES": STRICT_MEMORY}


@pytest.fixture(scope="module")
def pi(tmp_path_factory) -> Iterator[Machine]:
    """Return a Debian with libcamera and Picamera2, like a Pi's but for the camera."""
    with machine(tmp_path_factory.mktemp("pi")) as debian:
        debian.copy_clone()
        debian.copy_wheels()
        debian.run("python3", "-m", "venv", "--system-site-packages", "/venv")
        offline = ("--quiet", "--no-index", "--find-links=/wheels")
        debian.run("/venv/bin/pip", "install", *offline, "/src", "picamera2", timeout_s=600)
        draw(debian, [number_picture(number) for number in range(PICTURES)])
        plug_in(debian, (320, 180), (1280, 720))
        yield debian


def draw(debian: Machine, pictures: list[np.ndarray]) -> None:
    """Lay the pictures that the virtual camera shows in turn."""
    folder = debian.path("/frames")
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for place, image in enumerate(pictures):
        cv2.imwrite(str(folder / f"{place}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])


def number_picture(number: int) -> np.ndarray:
    """Return red on the left, blue on the right, green above, and a patch whose grey is the number."""
    image = np.empty((720, 1280, 3), np.uint8)
    image[:, :640], image[:, 640:], image[:60, 640:] = (0, 0, 255), (255, 0, 0), (0, 255, 0)
    image[64:136, 4:76] = 40 + 20 * number
    return image


def plug_in(debian: Machine, *sizes_px: tuple[int, int]) -> None:
    """Give the virtual camera these sizes; none takes the camera away."""
    configuration = debian.path(CONFIGURATION)
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.unlink(missing_ok=True)
    if sizes_px:
        configuration.write_text(CAMERA.replace("SIZES", "\n".join(SIZE.format(*size_px) for size_px in sizes_px)))


def played(debian: Machine, scenario: str) -> dict:
    """Return the result of a scenario of the shim, and print it for runs with -s."""
    said = debian.run(*SHIM, scenario, timeout_s=120, **ENVIRON).stdout
    print(f"picamera2 {scenario}: {said.splitlines()[-1]}")
    return json.loads(said.splitlines()[-1])


def is_near(actual: list[float], expected: tuple[int, int, int]) -> bool:
    """Return whether a colour is another but for JPEG, the range of YUV and a sharp edge."""
    return bool(np.abs(np.array(actual) - expected).max() < 40)


@pytest.mark.parametrize("stream", ["main", "small"])
@on_a_machine
def test_red_stays_red_and_blue_stays_blue(pi, stream):
    seen = played(pi, "inspect")[stream]

    assert is_near(seen["left"], (0, 0, 255)), seen
    assert is_near(seen["right"], (255, 0, 0)), seen
    assert is_near(seen["above"], (0, 255, 0)), seen


@on_a_machine
def test_the_small_picture_has_the_shape_of_the_large_one(pi):
    seen = played(pi, "inspect")

    assert (seen["main"]["shape"], seen["small"]["shape"]) == ([720, 1280, 3], [180, 320, 3])


@on_a_machine
def test_a_small_picture_that_is_no_smaller_is_left_alone(pi):
    plug_in(pi, (1280, 720))
    try:
        seen = played(pi, "inspect")
    finally:
        plug_in(pi, (320, 180), (1280, 720))

    assert seen["small"] is None
    assert is_near(seen["main"]["left"], (0, 0, 255))


@on_a_machine
def test_a_hundred_pictures_move_on_and_keep_no_buffer_no_file_and_no_memory(pi):
    seen = played(pi, "endure")

    assert len(seen["numbers"]) == 100
    assert set(seen["numbers"]) == set(range(PICTURES))
    assert not [pair for pair in zip(seen["numbers"], seen["numbers"][1:], strict=False) if pair[0] == pair[1]]
    assert not seen["first_changed"], "a picture that was handed out was written over"
    assert seen["more_files"] == 0
    assert seen["grown_kib"] < 10 * 1280 * 720 * 3 / 1024, "more than ten pictures are kept"


@on_a_machine
def test_closed_twice_and_opened_again_it_works_and_leaks_no_file(pi):
    seen = played(pi, "reopen")

    assert seen["shapes"] == [[720, 1280, 3]] * 6
    assert len(set(seen["files"][1:])) == 1, seen


@on_a_machine
def test_a_camera_in_use_is_one_sentence_and_can_be_opened_when_it_is_free(pi):
    seen = played(pi, "busy")

    assert "cannot be opened: " in seen["refused"]
    assert "no other program using the camera?" in seen["refused"]
    assert seen["after"] == "no error"


@on_a_machine
def test_no_camera_is_one_sentence(pi):
    plug_in(pi)
    try:
        seen = played(pi, "absent")
    finally:
        plug_in(pi, (320, 180), (1280, 720))

    assert seen["available"] is False
    assert "cannot be opened: No camera" in seen["said"]
    assert "is the ribbon cable seated" in seen["said"]


@on_a_machine
def test_a_camera_that_stalls_is_reported_within_its_deadline_and_works_when_opened_again(pi):
    seen = played(pi, "stall")

    assert seen["said"] == "picamera: delivered no image for 1 s"
    assert seen["waited_s"] < 1.5
    assert seen["closed_and_back"] == [720, 1280, 3]


@on_a_machine
def test_a_live_source_on_it_gives_the_newest_notices_silence_and_comes_back(pi):
    seen = played(pi, "live")

    assert seen["dropped"] > 0, "a slow walk must skip pictures"
    assert seen["oldest_s"] < 0.5, "what it gets must be fresh all the same"
    assert seen["noticed_s"] < 2
    assert seen["back_s"] < 5
    assert seen["reopened"] >= 1
    assert seen["free_again"] == "no error"


@on_a_machine
def test_the_whole_program_detects_a_person_without_a_mask_through_it(pi):
    play = DemoCamera()
    draw(pi, [cv2.resize(play.scene(3 + at / 4), (1280, 720)) for at in range(8)])
    settings = ("--env", "production", "--source", "picamera", "--set", "mqtt.host=127.0.0.1", "--set", "mqtt.port=1")
    try:
        ended = pi.run(
            *("timeout", "--preserve-status", "--signal=TERM", "15", *SHIM, "maskwatch", "run", *settings),
            check=False,
            **ENVIRON,
        )
    finally:
        draw(pi, [number_picture(number) for number in range(PICTURES)])
    print(f"picamera2 maskwatch: exit {ended.returncode}\n{ended.stdout}")

    assert ended.returncode == 0, ended.stdout
    assert "camera picamera: ok" in ended.stdout
    assert "without_mask" in ended.stdout


@pytest.mark.parametrize(
    ("pixel_format", "shape"), [("RGB888", (90, 160, 3)), ("XRGB8888", (90, 160, 4)), ("YUV420", (135, 160))]
)
def test_a_picture_outlives_the_buffer_that_it_came_in(pixel_format, shape):
    # without padding at the end of its rows a buffer is contiguous: what copies only then must not be trusted
    mapped = np.full(shape, 200, np.uint8)
    image = picamera.to_bgr(mapped, pixel_format, (160, 90))
    before = image.copy()

    mapped[:] = 0

    assert (image == before).all()


def test_a_picamera2_built_for_another_numpy_is_one_sentence(tmp_path, monkeypatch):
    # apt's picamera2 on Pi OS Bookworm with a newer numpy in the environment: its import fails with ValueError
    (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("picamera2", None)

    assert picamera.available() is False
    with pytest.raises(CameraError, match=r"numpy.dtype size changed; fix: pip install 'numpy<2'"):
        picamera.PiCamera(width_px=640, height_px=480, fps_hz=10, small_px=(320, 256))
