"""What a default run opens, writes and sends: nothing beyond loopback, and no image."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.fakes import eventually
from tests.support.needs import need
from tests.support.ports import free_port
from tests.support.program import command, environment, maskwatch
from tests.support.service import QUICK, Ear, Watch, on

IMAGE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"GIF8")


def listening(pid: int) -> set[str]:
    """Return the addresses that a process listens on, as /proc/net/tcp has them. Source: proc(5)."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            target = str(descriptor.readlink())
            inodes |= {target[8:-1]} if target.startswith("socket:[") else set()
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            waits = fields[3] == "0A" or table.startswith("udp")
            if fields[9] in inodes and waits:
                found.add(fields[1])
    return found


def test_a_default_run_listens_on_loopback_only():
    port = free_port()
    watch = Watch("--source", "demo", "--set", f"mqtt.port={port}")
    ear_heard = eventually(lambda: listening(watch.process.pid), 30)
    assert ear_heard
    assert listening(watch.process.pid) == {f"0100007F:{port:04X}"}
    watch.end(signal.SIGINT)


def test_a_run_with_another_broker_listens_nowhere(mosquitto):
    watch = Watch("--source", "demo", *on(mosquitto))
    ear = Ear(mosquitto.port)
    assert eventually(lambda: ear.of("info"), 30)
    assert listening(watch.process.pid) == set()
    watch.end()
    ear.close()


def test_nothing_that_is_published_or_written_contains_an_image(mosquitto, tmp_path):
    homes = {name: str(tmp_path) for name in ("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "TMPDIR")}
    watch = Watch("--source", "demo", *on(mosquitto), "--set", "mqtt.outbox=", **homes)
    ear = Ear(mosquitto.port)
    assert eventually(ear.alerts, 40)
    watch.end()
    ear.close()
    for _, payload, _ in ear.heard:
        assert len(payload) < 3000
        assert not payload.startswith(IMAGE_MAGIC)
        assert not payload or payload.isascii()
    written = [path for path in tmp_path.rglob("*") if path.is_file() and "mosquitto" not in path.name]
    announced = {f"announced-maskwatch-stop-7-main.{end}" for end in ("json", "lock")}  # the names of topics
    counted = {"drift-main.npz", "history-main.db", "history-main.db-journal"}  # histograms; labels, times, durations
    assert {path.name for path in written} <= {"outbox-main.db", "outbox-main.db-wal"} | announced | counted
    assert sum(path.stat().st_size for path in written) < 300_000


def test_no_process_list_and_no_log_shows_a_password(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("hush-hush")
    secret.chmod(0o600)
    user = ("--set", "mqtt.user=u", "--set", f"mqtt.password_file={secret}", "--set", "log.level=debug")
    watch = Watch("--source", "demo", "--set", "mqtt.host=127.0.0.1", "--set", f"mqtt.port={free_port()}", *user)
    line = Path(f"/proc/{watch.process.pid}/cmdline").read_bytes()
    assert eventually(lambda: Path(f"/proc/{watch.process.pid}/cmdline").read_bytes(), 1)
    shown = maskwatch("check", *user)
    _, out, err = watch.end()
    for text in (line.decode(), out, err, shown.stdout, shown.stderr):
        assert "hush-hush" not in text


@pytest.mark.long
def test_the_kernel_sees_no_file_written_except_those_of_the_state(tmp_path, mosquitto):
    trace = tmp_path / "trace"
    homes = {name: str(tmp_path / "home") for name in ("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR")}
    (tmp_path / "home").mkdir()
    calls = [need("strace"), "--seccomp-bpf", "-f", "-e", "trace=openat,open,creat", "-o", str(trace)]
    arguments = ("--source", "demo", *QUICK, *on(mosquitto), "--set", "mqtt.outbox=")
    process = subprocess.Popen(
        [*calls, *command("run", *arguments)], env=environment(**homes), stdout=subprocess.DEVNULL
    )
    ear = Ear(mosquitto.port)
    assert eventually(ear.alerts, 90)
    subprocess.run(["pkill", "-INT", "-P", str(process.pid)], check=True)
    process.wait(20)
    ear.close()
    opened = [
        line for line in trace.read_text().splitlines() if "O_WRONLY" in line or "O_RDWR" in line or "O_CREAT" in line
    ]
    names = {line.split('"')[1] for line in opened if '"' in line and "ENOENT" not in line and "EACCES" not in line}
    state = ("outbox-main.db", "announced-maskwatch-stop-7-main.", "drift-main.npz", "history-main.db")
    kept = ("/dev/", *state, "__pycache__")
    assert {name for name in names if not any(part in name for part in kept)} == set()
