"""The service with a delegate that works, fails, hangs in the run or ends it: what is published, and what runs."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support import delegates
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.service import Ear, Watch, on


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    return delegates.compiled(tmp_path_factory.mktemp("delegate") / "libstub.so")


@pytest.fixture
def ear(mosquitto: Mosquitto):
    made = Ear(mosquitto.port)
    yield made
    made.close()


def watch(mosquitto: Mosquitto, library: Path, options: str, home: Path) -> Watch:
    """Start a service on the demo that waits for its delegate as long as a busy machine needs."""
    changes = {"delegate": library, "delegate_options": options, "delegate_s": "60.0"}
    named = [word for key, value in changes.items() for word in ("--set", f"tflite.{key}={value}")]
    arguments = ("--source", "demo", "--headless", "--set", "detector.profile=live", *named, *on(mosquitto))
    return Watch(*arguments, XDG_STATE_HOME=str(home))


def runs_on(ear: Ear) -> str | None:
    """Return the delegate that the newest `info` names."""
    told = ear.of("info")
    return json.loads(told[-1])["runtime"]["delegate"] if told else None


def problem(ear: Ear) -> str:
    told = [payload for payload in ear.of("problem/delegate") if payload]
    return json.loads(told[-1])["text"] if told else ""


def frames(ear: Ear) -> int:
    told = ear.of("stats")
    return json.loads(told[-1])["frames"] if told else 0


def test_a_delegate_that_fails_in_the_run_is_left_for_the_cpu_and_reported(mosquitto, library, ear, tmp_path):
    service = watch(mosquitto, library, f"mode:fails;start:{tmp_path}/now", tmp_path)
    assert eventually(lambda: runs_on(ear) == "libstub.so" and frames(ear), 60)
    assert problem(ear) == ""
    (tmp_path / "now").touch()
    assert eventually(lambda: "failed to invoke" in problem(ear) and runs_on(ear) == "", 30)
    seen = frames(ear)
    assert eventually(lambda: frames(ear) > seen, 30)
    assert service.end(timeout_s=30)[0] == 0
    assert not list((tmp_path / "maskwatch").glob("delegate-*"))


def test_after_a_hang_that_the_watchdog_ends_the_next_start_is_on_the_cpu(mosquitto, library, ear, tmp_path):
    options = f"mode:hangs in invoke;start:{tmp_path}/now"
    service = watch(mosquitto, library, options, tmp_path)
    assert eventually(lambda: runs_on(ear) == "libstub.so" and frames(ear), 60)
    (tmp_path / "now").touch()
    service.end(signal.SIGKILL, timeout_s=30)  # as systemd ends it where it ignores SIGABRT
    (tmp_path / "now").unlink()
    ear.heard.clear()
    service = watch(mosquitto, library, options, tmp_path)
    assert eventually(lambda: runs_on(ear) == "" and "hung, crashed or was killed" in problem(ear), 60)
    assert eventually(lambda: frames(ear), 30)
    assert service.end(timeout_s=30)[0] == 0
