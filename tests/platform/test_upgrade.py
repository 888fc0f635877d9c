"""From an earlier version to this one and back: no alert that waits is lost, and the settings file stays valid.

Back is not the same way. The earlier version does not know the outbox of this one: it sets the file aside as
`….damaged`, names that in its log and in `stats`, and begins an empty outbox. The alerts in the file are sent by this
version again, once the file has its old name (docs/upgrade.md describes how).
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
import tomlkit

from tests.support import demo_stream
from tests.support.contract import Contract, OpenEar
from tests.support.device import TOP, end, wait_for
from tests.support.fakes import eventually
from tests.support.machine import Machine, comes_true, machine
from tests.support.mosquitto import Mosquitto
from tests.support.program import ROOT, environment, maskwatch

EARLIER = "5a10885"
"""The last version whose outbox has no checksums."""
WAITING = 50
ALERT = f"{TOP}/camera/main/alert"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    """Return a folder with the earlier version."""
    folder = tmp_path_factory.mktemp("earlier")
    archive = subprocess.run(["git", "-C", ROOT, "archive", EARLIER], capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"the history has no commit {EARLIER}: a shallow clone")
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


class Device:
    """A settings file with every setting of the earlier version, an outbox, and the versions that use them."""

    def __init__(self, folder: Path, earlier: Path, broker: Mosquitto) -> None:
        self.outbox, self.settings = folder / "outbox.db", folder / "config.toml"
        self._earlier = earlier
        written = tomlkit.parse((earlier / "config/default.toml").read_text())
        written["device"]["name"] = "stop-7"
        written["alert"]["update_s"] = 0.1
        written["mqtt"] |= {"host": "127.0.0.1", "port": broker.port, "outbox": str(self.outbox), "stats_s": 0.5}
        self.settings.write_text(tomlkit.dumps(written))

    def run(self, source: str, *, earlier: bool = False) -> subprocess.Popen[str]:
        folder = self._earlier if earlier else ROOT
        return subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "--headless", "--config", self.settings, "--source", source],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.outbox.parent,
            env=environment(PYTHONPATH=str(folder)),
        )

    def alerts(self) -> dict[str, dict]:
        return waiting_alerts(self.outbox, self.outbox.with_name("copy.db"))

    def gather(self, count: int, *, earlier: bool) -> dict[str, dict]:
        """Let a version raise alerts that no broker takes; return them."""
        process = self.run("demo", earlier=earlier)
        assert eventually(lambda: len(self.alerts()) >= count, 90)
        end(process)
        return self.alerts()


@pytest.fixture
def device(tmp_path, earlier, mosquitto) -> Device:
    mosquitto.stop()
    return Device(tmp_path, earlier, mosquitto)


def waiting_alerts(outbox: Path, copy: Path) -> dict[str, dict]:
    """Return the alerts of an outbox that wait, by key, from a copy: the service holds a lock on its file."""
    with suppress(FileNotFoundError):
        for suffix in ("", "-wal"):
            shutil.copy(f"{outbox}{suffix}", f"{copy}{suffix}")
    with closing(sqlite3.connect(copy)) as database, suppress(sqlite3.DatabaseError):
        rows = database.execute("SELECT key, body FROM alert WHERE acknowledged = 0").fetchall()
        return {key: json.loads(body) for key, body in rows}
    return {}


def heard(ear: OpenEar) -> dict[str, dict]:
    alerts = [json.loads(payload) for payload in ear.of(ALERT)]
    return {f"{alert['event_id']}:{alert['seq']}": alert for alert in alerts}


def fixed(alert: dict) -> dict:
    """Return what does not depend on the moment of sending."""
    return {key: value for key, value in alert.items() if key not in ("delayed", "t_published")}


@pytest.mark.timeout(240)
def test_fifty_waiting_alerts_and_a_settings_file_outlive_an_upgrade(device, mosquitto):
    waiting = device.gather(WAITING, earlier=True)
    assert len(waiting) >= WAITING
    checked = maskwatch("check", "--config", device.settings)
    assert checked.returncode == 0, checked.stderr

    mosquitto.start()
    ear = OpenEar(mosquitto.port)
    process = device.run("usb:63")
    assert eventually(lambda: heard(ear).keys() >= waiting.keys(), 60), len(waiting.keys() - heard(ear).keys())
    end(process)
    ear.close()
    arrived = heard(ear)
    assert [key for key, alert in waiting.items() if fixed(arrived[key]) != fixed(alert)] == []
    assert ear.faults(Contract()) == []
    assert [path.name for path in device.outbox.parent.glob("*damaged*")] == []


@pytest.mark.timeout(240)
def test_a_downgrade_is_named_and_what_it_sets_aside_is_sent_after_another_upgrade(device, mosquitto):
    waiting = device.gather(1, earlier=False)
    mosquitto.start()
    ear = OpenEar(mosquitto.port)
    process = device.run("usb:63", earlier=True)
    wait_for(ear, f"{TOP}/stats", lambda payload: "set aside" in json.loads(payload)["outbox"]["state"])
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=15)
    assert "outbox: disk, a damaged file was set aside" in log
    assert heard(ear).keys().isdisjoint(waiting)

    aside = device.outbox.with_name("outbox.db.damaged")
    aside.replace(device.outbox)
    process = device.run("usb:63")
    assert eventually(lambda: heard(ear).keys() >= waiting.keys(), 60)
    end(process)
    ear.close()


def test_a_setting_that_the_earlier_version_does_not_know_is_named_and_refused(device, earlier):
    device.settings.write_text(device.settings.read_text().replace("[detector]", '[detector]\nmodel = ""'))
    process = device.run("usb:63", earlier=True)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 78
    assert "detector.model: unknown setting" in log


SERVICE_SETTINGS = f"""
[device]
name = "stop-7"
[camera]
source = "{demo_stream.SOURCE}"
[alert]
update_s = 0.1
[mqtt]
host = "127.0.0.1"
"""


def install(debian: Machine, clone: str) -> str:
    """Run `sudo make install` in a clone, with the wheels in place of a network."""
    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    return debian.run("make", "--silent", "-C", clone, "install", **wheels).stdout


@pytest.mark.long
@pytest.mark.timeout(900)
def test_make_install_over_the_earlier_service_loses_no_waiting_alert(earlier, tmp_path):
    with machine(tmp_path) as debian:
        debian.copy_clone()
        debian.copy_wheels()
        shutil.copytree(earlier, debian.path("/earlier"))
        debian.boot()
        debian.run("systemctl", "stop", "mosquitto")
        settings, state = debian.path("/etc/maskwatch/config.toml"), debian.path("/var/lib/maskwatch")
        settings.parent.mkdir()
        settings.write_text(SERVICE_SETTINGS)
        install(debian, "/earlier")
        demo_stream.install(debian)
        debian.run("systemctl", "start", "maskwatch")
        outbox, copy = state / "outbox-main.db", tmp_path / "copy.db"
        assert comes_true(lambda: len(waiting_alerts(outbox, copy)) >= WAITING, 120)

        debian.run("systemctl", "stop", "maskwatch")
        waiting = waiting_alerts(outbox, copy)
        assert "Installed" in install(debian, "/src")
        debian.run("systemctl", "start", "mosquitto")
        listener = f"stdbuf -oL mosquitto_sub -q 1 -t {ALERT} >/tmp/heard 2>&1 </dev/null &"
        debian.run("sh", "-c", listener)
        debian.run("systemctl", "start", "maskwatch")

        assert comes_true(lambda: keys_in(debian.path("/tmp/heard")) >= waiting.keys(), 60)
        assert settings.read_text() == SERVICE_SETTINGS
        assert [path.name for path in state.glob("*damaged*")] == []


def keys_in(messages: Path) -> set[str]:
    """Return the keys of the alerts in a file with one message per line; its last line may be incomplete."""
    lines = messages.read_text().split("\n")[:-1]
    return {f"{alert['event_id']}:{alert['seq']}" for alert in map(json.loads, lines)}
