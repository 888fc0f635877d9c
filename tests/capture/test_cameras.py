"""Cameras and the SPEC that names them."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from edge.capture.demo import PERIOD_S, DemoCamera
from edge.capture.live import LiveSource
from edge.capture.opencv import open_stream, open_usb
from edge.capture.picamera import PiCamera, available, to_bgr
from edge.capture.preprocess import untouched
from edge.capture.read_ahead import ReadAhead
from edge.capture.spec import open_source
from edge.errors import CameraError, CameraLost, InputError
from edge.settings.load import load
from tests.support.fakes import Stopwatch


def named(spec: object) -> object:
    settings = load(overrides=[f"camera.source={spec}"]).settings.camera
    return open_source(settings, small_px=(320, 256), stop=threading.Event(), paint=untouched)


@pytest.mark.parametrize("spec", ["auto", "camera", "picamera", "usb:0", "usb:/dev/v4l/by-id/x", "rtsp://h/s", "demo"])
def test_live_cameras_are_opened_later_on_their_own_thread(spec):
    assert isinstance(named(spec), LiveSource)


def test_files_and_folders_are_distinguished(tmp_path, demo_video, demo_picture):
    video, picture = named(demo_video), named(demo_picture)
    assert isinstance(video, ReadAhead)
    assert [len(list(video)), len(list(picture))] == [96, 1]
    with pytest.raises(InputError, match="has no image"):
        named(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        named("nothing.mp4")


def test_a_missing_usb_camera_is_reported():
    with pytest.raises(CameraError, match="usb:63: cannot be opened"):
        open_usb("63", width_px=640, height_px=480, fps_hz=10)


def test_without_picamera2_the_error_names_the_package_to_install():
    assert not available()
    with pytest.raises(CameraError, match="sudo apt install python3-picamera2"):
        PiCamera(width_px=640, height_px=480, fps_hz=10, small_px=(320, 256))


class Stream(BaseHTTPRequestHandler):
    """An MJPEG camera that stalls after twenty pictures."""

    release = threading.Event()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
        self.end_headers()
        for number in range(20):
            jpeg = cv2.imencode(".jpg", np.full((120, 160, 3), number * 10, np.uint8))[1].tobytes()
            self.wfile.write(b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg))
            time.sleep(0.03)
        self.release.wait(20)

    def log_message(self, *_):
        """Write no log."""


def test_a_stream_that_stalls_is_noticed_within_its_time_out():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    camera = open_stream(f"http://127.0.0.1:{server.server_port}/v", open_timeout_s=3, read_timeout_s=1)
    pictures = [camera.read() for _ in range(10)]
    assert all(pictures)
    watch = Stopwatch()
    with pytest.raises(CameraLost):
        [camera.read() for _ in range(20)]
    assert watch.s < 4
    Stream.release.set()
    camera.close()
    server.shutdown()


def test_a_stream_that_does_not_answer_is_given_up():
    import socket

    with socket.socket() as unresponsive:
        unresponsive.bind(("127.0.0.1", 0))
        unresponsive.listen()
        watch = Stopwatch()
        with pytest.raises(CameraError, match="cannot be opened"):
            open_stream(f"rtsp://127.0.0.1:{unresponsive.getsockname()[1]}/s", open_timeout_s=1, read_timeout_s=1)
        assert watch.s < 6


def test_padded_rows_of_a_camera_are_cut_off_and_colours_are_right():
    blue = np.zeros((256, 320, 3), np.uint8)
    blue[:] = 255, 0, 0
    yuv = cv2.cvtColor(blue, cv2.COLOR_BGR2YUV_I420)
    padded = np.zeros((384, 384), np.uint8)
    padded[:256, :320] = yuv[:256]
    chroma = yuv[256:].reshape(2, 128, 160)
    padded[256:].reshape(2, 128, 192)[:, :, :160] = chroma
    image = to_bgr(padded, "YUV420", (320, 256))
    assert image.shape == (256, 320, 3)
    assert np.abs(image.astype(int) - blue).max() < 12


def test_the_format_named_rgb888_is_bgr_in_memory_and_comes_as_a_copy():
    mapped = np.random.default_rng(1).integers(0, 255, (10, 24, 3)).astype(np.uint8)
    image = to_bgr(mapped, "RGB888", (20, 10))
    assert (image == mapped[:, :20]).all()
    assert not np.shares_memory(image, mapped)


def test_an_unknown_format_is_named():
    with pytest.raises(CameraError, match="P010"):
        to_bgr(np.zeros((4, 4), np.uint8), "P010", (4, 4))


def test_the_demo_keeps_time_and_repeats():
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    camera = DemoCamera(monotonic=lambda: now[0], sleep=sleep)
    first = camera.read().image
    assert first.shape == (540, 960, 3)
    assert sum(slept) == pytest.approx(1 / 12)
    assert (camera.scene(3.0) == camera.scene(3.0 % PERIOD_S)).all()


def test_everything_in_the_demo_moves_so_that_it_is_never_frozen():
    camera = DemoCamera()
    assert all((camera.scene(t) != camera.scene(t + 1 / 12)).any() for t in np.arange(0, PERIOD_S, 1.0))
