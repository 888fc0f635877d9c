"""A faulty champion in a real systemd: the service takes it back within a minute, and runs on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from tests.support import demo_stream
from tests.support.bundles import Signer
from tests.support.faulty import FAULT_FILE, FAULTS, faulty_bundle, install_plugin
from tests.support.machine import Machine, comes_true, machine

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_200)]

SIGNER = Signer()
SETTINGS = f"""
[device]
name = "stop"
[camera]
source = "{demo_stream.SOURCE}"
[detector]
profile = "live"
[mqtt]
host = "127.0.0.1"
[models]
trusted_keys = ["{SIGNER.public}"]
"""
ALIASES = "/var/lib/maskwatch/models/aliases"
LIMIT_S = 60.0


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> None:
    """Leave the machine alone, in place of the fixture for all tests: it serves all tests here."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Iterator[Machine]:
    """Return a booted machine with the service and the package of faulty detectors."""
    with machine(tmp_path_factory.mktemp("machine")) as debian:
        debian.copy_clone()
        debian.copy_wheels()
        debian.boot()
        wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
        debian.run("make", "--silent", "-C", "/src", "install", timeout_s=900, **wheels)
        (site,) = debian.path("/opt/maskwatch/lib").glob("python3.*/site-packages")
        install_plugin(site)
        debian.path("/etc/maskwatch/config.toml").write_text(SETTINGS)
        demo_stream.install(debian)
        debian.run("systemctl", "start", "mosquitto", "maskwatch")
        yield debian


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_champion_is_taken_back_within_a_minute(installed, tmp_path, fault):
    bundle = faulty_bundle(tmp_path / "models", fault, SIGNER, sequence=1 + FAULTS.index(fault))
    shutil.copy(bundle, installed.path(f"/srv/{fault}.maskwatch"))
    installed.path(FAULT_FILE).unlink(missing_ok=True)
    installed.run("maskwatch", "models", "install", f"/srv/{fault}.maskwatch")
    installed.run("maskwatch", "models", "promote")
    installed.run("systemctl", "restart", "--no-block", "maskwatch")
    began_at = time.monotonic()
    problem, failed = installed.path(f"{ALIASES}/problem"), installed.path(FAULT_FILE)

    assert comes_true(problem.exists, 300)
    taken_back_at = time.monotonic()
    failed_at = float(failed.read_text()) if failed.exists() else began_at
    print(f"nspawn: {fault}: taken back {taken_back_at - failed_at:.1f} s after it failed")
    assert problem.read_text().startswith("rolled back: version ")
    assert taken_back_at - failed_at < LIMIT_S
    topic = "maskwatch/1/stop/problem/model"
    heard = ("mosquitto_sub", "-C", "1", "-W", "2", "-t", topic)
    assert comes_true(lambda: "rolled back" in installed.run(*heard, check=False).stdout, 60)
    journal = installed.run("journalctl", "--unit=maskwatch", "--output=cat", "--no-pager").stdout
    assert "models: rolled back: version" in journal
