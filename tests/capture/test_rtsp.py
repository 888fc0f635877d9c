"""A network camera that stalls and comes back, with a real RTSP server."""

from __future__ import annotations

import signal
import subprocess
import threading
import time

import pytest

from edge.capture import CameraState
from edge.capture.live import LiveSource
from edge.capture.preprocess import untouched
from edge.capture.spec import open_source
from edge.data import Frame
from edge.settings.load import load
from tests.support.fakes import eventually
from tests.support.ports import answers, free_port
from tests.support.program import ROOT

PYTHON = "/usr/bin/python3"
pytestmark = pytest.mark.long


@pytest.fixture
def server():
    port = free_port()
    process = subprocess.Popen([PYTHON, str(ROOT / "tests/support/rtsp_server.py"), str(port)])
    assert eventually(lambda: answers(port), 20)
    process.port = port
    yield process
    process.kill()
    process.wait()


def seconds_until(live: LiveSource, state: CameraState, timeout_s: float) -> float:
    """Return how long a state takes to come, walked meanwhile by another thread."""
    began_at = time.monotonic()
    assert eventually(lambda: live.state is state, timeout_s, 0.01), live.state
    return time.monotonic() - began_at


def test_a_stalled_network_camera_is_noticed_within_2_s_and_back_within_5(server, record_property):
    settings = load(overrides=[f"camera.source=rtsp://127.0.0.1:{server.port}/street"]).settings.camera
    live = open_source(settings, small_px=(320, 256), stop=threading.Event(), paint=untouched)
    seen = []
    walk = threading.Thread(target=lambda: seen.extend(frame.seq for frame in live if isinstance(frame, Frame)))
    walk.start()
    try:
        assert eventually(lambda: len(seen) > 20, 30)
        server.send_signal(signal.SIGSTOP)
        noticed_s = seconds_until(live, CameraState.SILENT, 5)
        time.sleep(6)
        server.send_signal(signal.SIGCONT)
        back_s = seconds_until(live, CameraState.OK, 20)
    finally:
        live.close()
        walk.join(5)
    record_property("noticed_s", noticed_s)
    record_property("back_s", back_s)
    print(f"noticed after {noticed_s:.2f} s, back after {back_s:.2f} s")
    assert noticed_s <= 2.2  # the last picture was up to a tenth of a second and a jitter buffer old
    assert back_s <= 5.0
