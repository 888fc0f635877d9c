"""The table of `make test-long`: a video's episodes with each failure of a delegate, and what is logged of it."""

from __future__ import annotations

import pytest

from tests.support import delegates
from tests.support.program import maskwatch

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def digest(video, library=None, mode="works") -> tuple[str, str]:
    """Return the digest of a video's episodes, and what was logged."""
    changes = {"delegate": library, "delegate_options": f"mode:{mode}"} if library else {}
    if library and not mode.startswith("hangs"):
        changes["delegate_s"] = 60.0
    named = [word for key, value in changes.items() for word in ("--set", f"tflite.{key}={value}")]
    done = maskwatch("detect", video, "--digest", "--set", "detector.profile=live", *named, timeout_s=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("digest ")[1].split()[0], done.stderr


@pytest.fixture(scope="module")
def on_cpu(demo_video) -> str:
    return digest(demo_video)[0]


@pytest.mark.parametrize("mode", ["works", *delegates.FAILURES])
def test_the_episodes_are_those_of_the_cpu_whatever_the_delegate_does(demo_video, on_cpu, tmp_path, mode):
    found, log = digest(demo_video, delegates.compiled(tmp_path / "libstub.so"), mode)
    print(f"delegate: {mode}: {' '.join(log.split())}")
    assert found == on_cpu
    assert ("the models run on the CPU" in log) is (mode != "works")


@pytest.mark.parametrize("name", delegates.BAD_FILES)
def test_the_episodes_are_those_of_the_cpu_without_a_delegate_to_load(demo_video, on_cpu, tmp_path, name):
    found, log = digest(demo_video, delegates.bad_file(name, tmp_path))
    print(f"delegate: {name}: {' '.join(log.split())}")
    assert found == on_cpu
    assert delegates.BAD_FILES[name][1] in log
