"""Real parts that tests share: a broker, a screen, the command as a user types it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.demo import DemoCamera
from tests.support import demo_stream
from tests.support.mosquitto import Mosquitto
from tests.support.needs import need, skipped
from tests.support.screen import Screen, open_screen

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores Ctrl-C


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked with programs that are absent."""
    for mark in item.iter_markers("needs"):
        need(*mark.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was absent, and the one command that brings it."""
    if skipped:
        terminalreporter.section("skipped for want of system packages; fix: make setup-apt")
        terminalreporter.line(", ".join(f"{name} ({count})" for name, count in skipped.most_common()))


def children() -> set[int]:
    """Return the process numbers of what these tests started and what still runs."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found |= {int(number) for number in path.read_text().split()}
    return found


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    """End what a failing test leaves behind: a service that goes on would publish into the tests after it."""
    before = children()
    yield
    for number in children() - before:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # it has just ended by itself
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """Return a running broker."""
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def street() -> Iterator[str]:
    """Return the address of a network camera that plays the demo."""
    server = demo_stream.serve(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def display() -> Iterator[Screen]:
    """Return a running X screen."""
    screen = open_screen()
    yield screen
    screen.kill()


@pytest.fixture(scope="session")
def demo_scenes() -> dict[float, np.ndarray]:
    """Return pictures of the demo's play by the second."""
    camera = DemoCamera()
    return {at: camera.scene(at) for at in (4.0, 11.0, 15.0, 20.0)}


@pytest.fixture(scope="session")
def demo_picture(tmp_path_factory: pytest.TempPathFactory, demo_scenes: dict[float, np.ndarray]) -> Path:
    """Return a file with two people: one without a mask, one with."""
    path = tmp_path_factory.mktemp("demo") / "street.png"
    cv2.imwrite(str(path), demo_scenes[20.0])
    return path


@pytest.fixture(scope="session")
def demo_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 12 s of the demo's play as a video, one person bare from the start."""
    path = tmp_path_factory.mktemp("demo") / "play.avi"
    camera = DemoCamera()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 6.0, (960, 540))
    for step in range(16 * 6):
        writer.write(camera.scene(2.0 + step / 6))
    writer.release()
    return path
