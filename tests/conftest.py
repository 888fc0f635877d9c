"""Real parts that tests share: a broker, a screen, the command as a user types it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.demo import DemoCamera
from tests.fakes import eventually
from tests.needs import need, skipped

ROOT = Path(__file__).parent.parent
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


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    """Return whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children() -> set[int]:
    """Return the process numbers of what these tests started and what still runs."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found |= {int(number) for number in path.read_text().split()}
    return found


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    """End what a failing test leaves behind: a watch that goes on would speak into the tests after it."""
    before = children()
    yield
    for number in children() - before:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # it has just ended by itself
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)


class Mosquitto:
    """A real broker that can be stopped, started again and frozen."""

    def __init__(self, folder: Path, *lines: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        anonymous = [] if any(line.startswith("password_file") for line in lines) else ["allow_anonymous true"]
        listener = [] if any(line.startswith("listener") for line in lines) else [f"listener {self.port} 127.0.0.1"]
        user = ["user root"] if os.getuid() == 0 else []
        self._config.write_text("\n".join([*user, *listener, *anonymous, *lines, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([need("mosquitto"), "-c", str(self._config)], stderr=subprocess.DEVNULL)
        assert eventually(lambda: answers(self.port)), "mosquitto did not start"

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """Return a running broker."""
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


class Screen:
    """A running X screen with a window manager; `name` is what DISPLAY is set to.

    As on every desktop. With one or without, Qt 5 loses a new window now and then while a machine is very busy.
    """

    def __init__(self, name: str, server: subprocess.Popen[bytes]) -> None:
        self.name = name
        manager = ["matchbox-window-manager", "-use_titlebar", "no"]
        environ = {**os.environ, "DISPLAY": name}
        self._processes = [subprocess.Popen(manager, env=environ, stderr=subprocess.DEVNULL), server]

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


def open_screen(size: str = "1280x800", *more: str) -> Screen:
    """Start an X screen of WIDTHxHEIGHT; a window on it fills it."""
    server_program = need("Xvfb", "matchbox-window-manager", "libSM.so.6", "libICE.so.6")
    reader, writer = os.pipe()
    command = [server_program, "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-nolisten", "tcp", *more]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as numbers:
        return Screen(f":{numbers.readline().strip()}", server)


@pytest.fixture
def display() -> Iterator[Screen]:
    """Return a running X screen."""
    screen = open_screen()
    yield screen
    screen.kill()


def command(*arguments: object) -> list[str]:
    """Return the command line of `maskwatch ARGUMENTS`."""
    return [sys.executable, "-m", "edge", *map(str, arguments)]


_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "NOTIFY_SOCKET")


def environment(**more: str) -> dict[str, str]:
    """Return an environment without a screen, in which edge is found from any folder."""
    kept = {key: value for key, value in os.environ.items() if key not in _SCREENS}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **more}


def maskwatch(
    *arguments: object, timeout_s: float = 60, input_text: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(**more),
        check=False,
        input=input_text,
    )


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
