"""Row 4 for files: a video whose writer stops for a while, or for ever, under a read that blocks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.fakes import eventually
from tests.support.needs import need
from tests.support.service import Ear, Watch, on
from tests.support.station import seconds_until

NOTICE_S = 2.0
PUBLISH_S = 1.5
"""What the way to the listener may take on a machine that is busy with other things."""
RETURN_S = 5.0


class Pipe:
    """A pipe that a video comes through at its own speed; its writer can be stopped and go on."""

    def __init__(self, video: Path, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        command = [need("ffmpeg"), "-loglevel", "error", "-y", "-re", "-i", video, "-c", "copy", "-f", "matroska", path]
        self._writer = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL)

    def stall(self) -> None:
        self._writer.send_signal(signal.SIGSTOP)

    def recover(self) -> None:
        self._writer.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._writer.kill()
        self._writer.wait()


@pytest.fixture
def pipe(tmp_path, demo_video) -> Iterator[Pipe]:
    made = Pipe(demo_video, tmp_path / "street.mkv")
    yield made
    made.close()


class Listener:
    """The real program on a pipe, and what it publishes."""

    def __init__(self, pipe: Pipe, port: int, *arguments: str) -> None:
        self.ear = Ear(port)
        self.watch = Watch("--source", pipe.path, "--timings", *arguments)
        assert eventually(lambda: self.stats.get("frames", 0) >= 6, 40)

    @property
    def stats(self) -> dict:
        stats = self.ear.of("stats")
        return json.loads(stats[-1]) if stats else {}

    @property
    def health(self) -> str:
        return json.loads(self.ear.of("camera/main/health")[-1])["state"]

    @property
    def problem(self) -> str:
        problem = self.ear.of("problem/camera")[-1]
        return json.loads(problem)["text"] if problem else ""

    def close(self) -> None:
        self.watch.process.kill()
        self.watch.process.communicate()
        self.ear.close()


@pytest.fixture
def listen(mosquitto, pipe):
    made: list[Listener] = []

    def begin(*arguments: str) -> Listener:
        made.append(Listener(pipe, mosquitto.port, *on(mosquitto), "--set", "mqtt.outbox=memory", *arguments))
        return made[0]

    yield begin
    for listener in made:
        listener.close()


def test_a_video_that_stalls_is_noticed_and_walked_on_without_the_loss_of_a_frame(listen, pipe, record_property):
    listener = listen()
    pipe.stall()
    record_property("noticed_s", seconds_until(lambda: listener.health == "silent", NOTICE_S + PUBLISH_S))
    assert listener.problem.startswith("silent: no frame for ")
    assert eventually(lambda: listener.stats["camera"] == "silent", 5)
    beats = len(listener.ear.of("stats"))
    assert eventually(lambda: len(listener.ear.of("stats")) > beats + 2, 10), "the walk does not go on"
    assert listener.watch.process.poll() is None
    frames = listener.stats["frames"]
    pipe.recover()
    record_property("recovered_s", seconds_until(lambda: listener.health == "ok", RETURN_S + PUBLISH_S))
    assert listener.problem == ""
    assert eventually(lambda: listener.stats["frames"] > frames, 10)
    out, err = listener.watch.process.communicate(timeout=40)
    assert listener.watch.process.returncode == 0, err
    assert "96 frames" in out
    moments = [(alert["event_type"], alert["reason"]) for alert in listener.ear.alerts()]
    assert ("end", "mask_on") in moments
    assert ("end", "gone") not in moments


def test_a_watch_that_waits_for_a_stalled_video_ends_within_5_s(listen, pipe, record_property):
    listener = listen()
    pipe.stall()
    assert eventually(lambda: listener.health == "silent", 10)
    began_at = time.monotonic()
    code, _, err = listener.watch.end(signal.SIGTERM, 5)
    record_property("ended_s", round(time.monotonic() - began_at, 2))
    assert code == 0, err
    assert "Traceback" not in err
    assert eventually(lambda: listener.ear.of("status")[-1] == b"offline")


def test_a_video_that_never_goes_on_ends_the_program_with_70(listen, pipe):
    listener = listen("--set", "camera.stuck_s=4")
    pipe.stall()
    assert eventually(lambda: listener.watch.process.poll() is not None, 4 + NOTICE_S + 6)
    _, err = listener.watch.process.communicate()
    assert listener.watch.process.returncode == 70, err
    assert "street.mkv: a call into the file has not returned for 4 s" in err
    assert "Traceback" not in err


def test_a_pipe_that_nobody_writes_to_holds_up_neither_start_nor_end(tmp_path, mosquitto):
    os.mkfifo(tmp_path / "nobody.mkv")
    ear = Ear(mosquitto.port)
    watch = Watch("--source", tmp_path / "nobody.mkv", *on(mosquitto), "--set", "camera.open_timeout_s=1")
    health = partial(ear.of, "camera/main/health")
    assert eventually(lambda: health() and json.loads(health()[-1])["state"] == "silent", 40)
    code, _, err = watch.end(signal.SIGTERM, 5)
    ear.close()
    assert code == 0, err
    assert "Traceback" not in err
