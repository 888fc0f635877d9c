"""Two builds that differ are found, and so is an absent diffoscope."""

from __future__ import annotations

import os

import pytest

from tests.release import wheel
from tests.release.step import Failed


@pytest.fixture
def wheels(tmp_path):
    """Return the paths of two wheels of the same name and content."""
    for folder in ("one", "another"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "maskwatch.whl").write_bytes(b"content")
    return tmp_path / "one/maskwatch.whl", tmp_path / "another/maskwatch.whl"


@pytest.fixture
def diffoscope(tmp_path, monkeypatch):
    """Give a diffoscope that compares with cmp."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/diffoscope").write_text('#!/bin/sh\ncmp "$@"\n')
    (tmp_path / "bin/diffoscope").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


def test_two_wheels_of_the_same_bytes_are_accepted(wheels, diffoscope):
    wheel.same(*wheels)


def test_a_wheel_that_differs_is_found_and_shown(wheels, diffoscope):
    wheels[1].write_bytes(b"contend")
    with pytest.raises(Failed, match=r"^two builds of maskwatch\.whl differ$") as failed:
        wheel.same(*wheels)
    assert "differ" in failed.value.log


def test_a_difference_that_diffoscope_does_not_show_is_found(wheels, diffoscope, tmp_path):
    (tmp_path / "bin/diffoscope").write_text("#!/bin/sh\n")
    wheels[1].write_bytes(b"contend")
    with pytest.raises(Failed, match=r"^two builds of maskwatch\.whl differ$"):
        wheel.same(*wheels)


def test_what_diffoscope_shows_of_equal_bytes_is_a_difference(wheels, diffoscope, tmp_path):
    (tmp_path / "bin/diffoscope").write_text("#!/bin/sh\necho shown\n")
    with pytest.raises(Failed) as failed:
        wheel.same(*wheels)
    assert failed.value.log == "shown\n"


def test_an_absent_diffoscope_is_named_with_its_package(wheels, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failed, match=r"^diffoscope is not installed; fix: sudo apt install diffoscope-minimal"):
        wheel.same(*wheels)
