"""A crashing, a hanging and a rubbish model are taken back by the service within a minute, under a service manager.

The manager here does what the unit asks of systemd: a watchdog of 30 s that aborts, and a restart after 2 s.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.bundles import Signer, store_in
from tests.support.faulty import FAULTS, faulty_bundle, install_plugin
from tests.support.ports import free_port
from tests.support.program import command, environment, maskwatch

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

WATCHDOG_S, RESTART_S, LIMIT_S = 30.0, 2.0, 60.0


class Manager:
    """Starts the service, expects its notifications, aborts it when they stay away, and starts it again."""

    def __init__(self, folder: Path, arguments: list[str], **more: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(0.1)
        self._log = (folder / "log").open("wb")
        notify = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
        self._environ = environment(**more) | notify
        self._command = command("run", *arguments)
        self.starts = 0

    def start(self) -> None:
        self.starts += 1
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log, env=self._environ)
        self._beat_at = float("inf")

    def step(self) -> None:
        """Take notifications, and do what systemd does."""
        try:
            text = self._socket.recv(4096).decode()
        except TimeoutError:
            text = ""
        if "READY=1" in text or "WATCHDOG=1" in text:
            self._beat_at = time.monotonic()
        if time.monotonic() - self._beat_at > WATCHDOG_S:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(10)
        if self.process.poll() is not None:
            time.sleep(RESTART_S)
            self.start()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self._log.close()
        self._socket.close()


@pytest.fixture
def plugin(tmp_path) -> dict[str, str]:
    """Return the environment in which the package with the faulty detectors is installed."""
    site = tmp_path / "site"
    install_plugin(site)
    return {"PYTHONPATH": f"{site}{os.pathsep}{environment()['PYTHONPATH']}", "FAULT": str(tmp_path / "fault")}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_champion_is_taken_back_within_a_minute(tmp_path, plugin, fault):
    signer, folder = Signer(), tmp_path / "store"
    settings = [f"models.store={folder}", f'models.trusted_keys=["{signer.public}"]']
    options = [word for setting in settings for word in ("--set", setting)]
    bundle = faulty_bundle(tmp_path / "models", fault, signer)
    for words in (("install", bundle), ("promote",)):
        done = maskwatch("models", *words, *options, timeout_s=200, **plugin)
        assert done.returncode == 0, done.stderr
    run = ["--source", "demo", "--headless", "--set", f"mqtt.port={free_port()}", "--set", "detector.profile=live"]
    manager, store = (
        Manager(tmp_path, [*run, *options, "--set", "mqtt.outbox=memory"], **plugin),
        store_in(folder, signer),
    )
    began_at = time.monotonic()
    manager.start()
    try:
        while store.aliases().champion and time.monotonic() < began_at + 300:
            manager.step()
        taken_back_at = time.monotonic()
        failed = Path(plugin["FAULT"])
        failed_at = float(failed.read_text()) if failed.exists() else began_at
        print(f"{fault}: taken back {taken_back_at - failed_at:.1f} s after it failed, start {manager.starts}")
        assert store.aliases().problem.startswith("rolled back: version ")
        assert taken_back_at - failed_at < LIMIT_S
        for _ in range(50):
            manager.step()
        assert manager.process.poll() is None, "the service runs on"
    finally:
        manager.close()
