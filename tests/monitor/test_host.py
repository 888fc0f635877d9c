"""Host metrics read from the kernel."""

from __future__ import annotations

import mmap
import os
import resource
from pathlib import Path

import pytest

from edge.monitor.host import rss_bytes, temperature_c, uptime_s
from tests.support.fakes import eventually


def zone(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir()
    (folder / name / "temp").write_text(text)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], None),
        (["48312\n"], 48.312),
        (["48312\n", "61000\n"], 61.0),
        (["-274000\n", "40000\n"], 40.0),
        (["nonsense"], None),
        (["900000\n"], None),
    ],
)
def test_the_hottest_plausible_zone_counts(tmp_path, texts, expected):
    for number, text in enumerate(texts):
        zone(tmp_path, f"thermal_zone{number}", text)
    assert temperature_c(tmp_path) == expected


def test_a_zone_that_cannot_be_read_is_passed_over(tmp_path):
    (tmp_path / "thermal_zone0/temp").mkdir(parents=True)
    zone(tmp_path, "thermal_zone1", "50000")
    assert temperature_c(tmp_path) == 50.0


def test_a_machine_without_zones_tells_no_temperature(tmp_path):
    assert temperature_c(tmp_path / "none") is None


def test_memory_grows_by_what_is_allocated():
    """Pages of the kernel: an array may lie in memory that the process has freed, and still holds."""
    before = rss_bytes()
    with mmap.mmap(-1, 50_000_000) as kept:
        kept.write(b"1" * len(kept))
        assert 40_000_000 < rss_bytes() - before < 130_000_000


def test_age_goes_by_as_time_does():
    before = uptime_s()
    assert eventually(lambda: 0.3 <= uptime_s() - before < 2.0, 2)
    assert uptime_s() < 3600 * 24


def test_without_a_descriptor_left_there_is_no_temperature_and_no_error(tmp_path):
    """It ended a whole watch: the folder itself could not be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    (tmp_path / "thermal_zone0").mkdir()
    (tmp_path / "thermal_zone0/temp").write_text("45000\n")
    assert temperature_c(tmp_path) == 45.0
    lowest = os.open("/dev/null", os.O_RDONLY)
    os.close(lowest)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        assert temperature_c(tmp_path) is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
