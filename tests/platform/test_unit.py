"""The service's unit, its user and its scripts, as systemd's own tools judge them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from typing import TYPE_CHECKING

import pytest

from edge.errors import CameraError, ConfigError, InputError, ModelError, ThreadStuck
from edge.settings.load import load
from edge.settings.schema import Environment
from tests.support.fakes import Stopwatch, eventually
from tests.support.needs import need
from tests.support.program import ROOT, command, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SYSTEMD = ROOT / "systemd"
UNIT = SYSTEMD / "maskwatch.service"
MAX_EXPOSURE = 1.8
WATCHDOG_S = 3.0

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


def ran(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(argument) for argument in arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def values(key: str) -> list[str]:
    """Return the values of a key in the unit, line by line."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text("utf-8"), flags=re.MULTILINE)


def test_a_viewer_that_the_kernel_ends_for_want_of_memory_does_not_end_the_service():
    """systemd's default stops the whole unit when the kernel ends any process of it."""
    assert values("OOMPolicy") == ["continue"]


@linux_only
def test_systemd_has_no_complaint_about_the_unit(tmp_path):
    # verify exits 0 on unknown keys and wants the program to exist: so fail on any output, and name one that does
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/sh", UNIT.read_text("utf-8"), flags=re.MULTILINE))

    verified = ran(need("systemd-analyze"), "verify", unit)

    assert (verified.returncode, verified.stdout) == (0, "")


@linux_only
def test_systemd_has_no_complaint_about_the_timer_and_what_it_starts(tmp_path):
    once = (SYSTEMD / "maskwatch-once.service").read_text("utf-8")
    service, timer = tmp_path / "maskwatch-once.service", tmp_path / "maskwatch-once.timer"
    service.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/sh", once, flags=re.MULTILINE))
    timer.write_text((SYSTEMD / timer.name).read_text("utf-8"))

    verified = ran(need("systemd-analyze"), "verify", service, timer)

    assert (verified.returncode, verified.stdout) == (0, "")
    assert "run --once --env ${MASKWATCH_ENV}" in once
    exposed = ran(need("systemd-analyze"), "security", "--offline=yes", "--no-pager", SYSTEMD / service.name)
    overall = re.search(r"Overall exposure level for maskwatch-once.service: ([\d.]+)", exposed.stdout)
    assert overall, exposed.stdout
    assert float(overall[1]) <= MAX_EXPOSURE


@linux_only
def test_the_unit_leaves_little_exposed():
    done = ran(need("systemd-analyze"), "security", "--offline=yes", "--no-pager", UNIT)

    overall = re.search(r"Overall exposure level for maskwatch.service: ([\d.]+)", done.stdout)
    assert overall, done.stdout
    assert float(overall[1]) <= MAX_EXPOSURE


@linux_only
def test_the_user_and_every_group_that_the_cameras_need_are_made(tmp_path):
    (tmp_path / "etc").mkdir()

    made = ran(need("systemd-sysusers"), f"--root={tmp_path}", SYSTEMD / "maskwatch.conf")

    assert made.returncode == 0, made.stdout
    users = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    groups = dict(line.split(":")[::3] for line in (tmp_path / "etc/group").read_text().splitlines())
    assert values("User") == ["maskwatch"]
    assert "maskwatch" in users
    assert {name for name, members in groups.items() if "maskwatch" in members.split(",")} == {
        "video",
        "render",
        "audio",
        "gpio",
    }


def test_lamp_and_voice_reach_their_devices_and_lgpio_has_a_folder_for_its_pipe():
    assert {"char-gpiochip rw", "char-alsa rw"} <= set(values("DeviceAllow"))
    assert values("WorkingDirectory") == [f"%t/{values('RuntimeDirectory')[0]}"]


def test_only_errors_that_no_restart_fixes_end_the_service():
    prevented = {int(code) for code in values("RestartPreventExitStatus")[0].split()}

    assert prevented == {2, ConfigError.exit_code, ModelError.exit_code, InputError.exit_code}
    assert ThreadStuck.exit_code not in prevented
    assert CameraError.exit_code == InputError.exit_code  # so a live camera's absence must never end `run`


def test_every_setting_in_the_template_is_a_real_one(tmp_path):
    template = (SYSTEMD / "config.toml").read_text("utf-8")
    with_all = tmp_path / "all.toml"
    with_all.write_text(re.sub(r"^# (?=\[|\w+ = )", "", template, flags=re.MULTILINE))
    named = tomllib.loads(with_all.read_text())

    loaded = load(Environment.PRODUCTION, with_all, system_file=tmp_path / "none")

    assert set(named) == {"mqtt", "device", "camera"}
    assert loaded.settings.mqtt.user == named["mqtt"]["user"]


def test_the_template_as_it_comes_names_no_broker_so_that_the_operator_must(tmp_path):
    loaded = load(Environment.PRODUCTION, SYSTEMD / "config.toml", system_file=tmp_path / "none")

    assert loaded.settings.mqtt.host == ""


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
@pytest.mark.skipif(os.geteuid() != 0, reason="becoming nobody needs root; as nobody the test below covers it")
def test_without_root_the_script_prints_the_fix_and_changes_nothing(script, tmp_path):
    done = ran("sh", "-s", user=65534, group=65534, extra_groups=[], cwd="/", input=(SYSTEMD / script).read_text())

    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "needs root; fix: sudo make" in done.stdout


class Manager:
    """Stands where systemd listens, and keeps each datagram with the time of its coming."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[tuple[float, str]] = []
        self._clock = Stopwatch()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def wait_for(self, wanted: str, *, times: int = 1, within_s: float) -> list[float]:
        """Return when the messages that begin with `wanted` came."""
        end_at = self._clock.s + within_s
        while len(came := [at for at, text in self.heard if text.startswith(wanted)]) < times:
            self._socket.settimeout(max(0.01, end_at - self._clock.s))
            try:
                self.heard.append((0.0, self._socket.recv(4096).decode()))
            except TimeoutError:
                if self._clock.s < end_at:
                    continue
                pytest.fail(f"no {wanted} within {within_s} s; heard {self.heard}")
            self.heard[-1] = (self._clock.s, self.heard[-1][1])
        return came

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.fixture
def service(manager, tmp_path, street) -> Iterator[subprocess.Popen[str]]:
    """The program as its unit starts it, with a network camera and a broker that is away."""
    as_systemd_has_it = {
        "NOTIFY_SOCKET": str(manager.path),
        "WATCHDOG_USEC": str(int(1e6 * WATCHDOG_S)),
        "RUNTIME_DIRECTORY": str(tmp_path),
    }
    assert "MASKWATCH_ENV=production" in values("Environment")
    arguments = values("ExecStart")[0].replace("${MASKWATCH_ENV}", "production").split()[1:]
    settings = ["--source", street, "--set", "mqtt.host=127.0.0.1", "--set", "mqtt.port=1"]
    process = subprocess.Popen(
        command(*arguments, *settings),
        env=environment(**as_systemd_has_it),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_the_program_tells_systemd_that_it_is_ready_that_it_lives_and_that_it_ends(manager, service):
    ready_at = manager.wait_for("READY=1", within_s=60)[0]
    beats = manager.wait_for("WATCHDOG=1", times=3, within_s=3 * WATCHDOG_S)
    service.send_signal(signal.SIGTERM)
    manager.wait_for("STOPPING=1", within_s=5)

    assert service.wait(5) == 0
    texts = [text for _, text in manager.heard]
    assert texts[0] == "READY=1"
    assert re.search(r"WATCHDOG=1\nSTATUS=.*fps.*broker unreachable.*model ", texts[-2]), texts
    assert max(b - a for a, b in zip([ready_at, *beats], beats, strict=False)) < 2 / 3 * WATCHDOG_S


def test_a_reload_is_announced_and_done_and_is_no_end(manager, service, tmp_path):
    """STOPPING=1 at each reload had systemd kill the service ten seconds later."""
    manager.wait_for("WATCHDOG=1", within_s=60)
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    service.send_signal(signal.SIGHUP)
    manager.wait_for("RELOADING=1", within_s=20)
    manager.wait_for("READY=1", times=2, within_s=20)
    manager.wait_for("WATCHDOG=1", times=2, within_s=3 * WATCHDOG_S)

    texts = [text for _, text in manager.heard]
    (reloading,) = [text for text in texts if text.startswith("RELOADING=1")]
    assert int(reloading.removeprefix("RELOADING=1\nMONOTONIC_USEC=")) >= before, "of an older reload it is passed over"
    assert texts.index(reloading) < len(texts) - 1 - texts[::-1].index("READY=1")
    assert "STOPPING=1" not in texts
    assert (tmp_path / "reloaded").exists(), "what ExecReload waits for"
    assert "until [ -e %t/maskwatch/reloaded ]" in values("ExecReload")[0]


def test_a_reload_needs_no_program_but_a_shell_and_sleep(tmp_path):
    """A minimal Debian has no `kill`."""
    script = values("ExecReload")[0].partition(" -c '")[2].rstrip("'").replace("$$", "$").replace("%t", str(tmp_path))
    (tmp_path / "maskwatch").mkdir()
    (tmp_path / "programs").mkdir()
    for name in ("rm", "sleep"):
        (tmp_path / "programs" / name).symlink_to(f"/bin/{name}")
    made = (
        f"trap 'touch {tmp_path}/maskwatch/reloaded; exit' HUP; touch {tmp_path}/listens; while :; do sleep 0.1; done"
    )
    # a shell cannot trap a signal that was ignored when it began, as SIGHUP is under nohup
    process = subprocess.Popen(["env", "--default-signal=HUP", "sh", "-c", made])
    assert eventually((tmp_path / "listens").exists)
    done = ran("/bin/sh", "-c", script, env={"PATH": str(tmp_path / "programs"), "MAINPID": str(process.pid)})

    assert (done.returncode, done.stdout) == (0, "")
    assert process.wait(5) == 0


def test_a_stopped_program_beats_no_more(manager, service):
    manager.wait_for("WATCHDOG=1", within_s=60)
    service.send_signal(signal.SIGSTOP)
    manager.heard.clear()
    manager._socket.settimeout(1.5 * WATCHDOG_S)

    with pytest.raises(TimeoutError):
        manager._socket.recv(4096)


def test_a_model_that_is_missing_is_exit_65_and_was_never_ready(manager, tmp_path):
    settings = ("--set", "mqtt.host=127.0.0.1", "--set", f"classifier.model={tmp_path}")
    done = ran(*command("run", "--source", "demo", *settings), env=environment(NOTIFY_SOCKET=str(manager.path)))

    assert done.returncode == 65, done.stdout
    manager._socket.settimeout(0)
    with pytest.raises(BlockingIOError):
        manager._socket.recv(4096)


def test_a_setting_that_is_wrong_is_one_sentence_and_exit_78_before_anything_is_ready(manager, tmp_path):
    done = ran(
        *command("run", "--env", "production", "--config", SYSTEMD / "config.toml"),
        env=environment(NOTIFY_SOCKET=str(manager.path)),
    )

    assert (done.returncode, done.stdout.count("\n")) == (78, 1)
    assert "mqtt.host: is not set" in done.stdout
    manager._socket.settimeout(0)
    with pytest.raises(BlockingIOError):
        manager._socket.recv(4096)
