"""Rows 22, 23 and 28 to 36: clocks, models, limits, heat, signals, settings and displays."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge import paths
from edge.publish.message import Clock
from edge.systemd import ServiceManager
from tests.faults import kills
from tests.support.driver import publishing, raise_alerts
from tests.support.fakes import Stopwatch, eventually
from tests.support.listeners import hearing
from tests.support.mosquitto import Mosquitto
from tests.support.program import maskwatch
from tests.support.service import Watch, on
from tests.support.station import OVERLOAD_HZ, Station, heat, open_files, seconds_until, size_bytes, station

YEARS_S = 10 * 365 * 86_400.0
EAGER = ("--set", "alert.dwell_s=0", "--set", "alert.update_s=0.5", "--set", "camera.patience_s=5")


class JumpingClock:
    """A wall clock that is set forth and back while the other clock goes on."""

    def __init__(self, start: float) -> None:
        self.offset_s = start - time.time()

    def __call__(self) -> float:
        return time.time() + self.offset_s


def test_no_alert_is_missed_when_the_clock_jumps_ten_years_either_way(mosquitto):
    wall = JumpingClock(time.time())
    with publishing(mosquitto.port, clock=Clock(wall=wall)) as publisher, hearing(mosquitto) as hearer:
        raised = raise_alerts(publisher, range(10))
        for number, jump_s in enumerate((YEARS_S, -2 * YEARS_S, YEARS_S), 1):
            wall.offset_s += jump_s
            raised |= raise_alerts(publisher, range(100 * number, 100 * number + 10))
        assert eventually(lambda: raised <= hearer.keys(), 20)
        assert not any(body["delayed"] for body in hearer.bodies("/alert"))


def test_the_watchdog_is_beaten_whatever_the_wall_clock_shows(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"})
        for jump_s in (0.0, YEARS_S, -YEARS_S):
            monkeypatch.setattr(time, "time", lambda jump_s=jump_s: time.monotonic() + jump_s)
            time.sleep(0.11)
            manager.beat(str)
            assert systemd.recv(100).startswith(b"WATCHDOG=1")


def test_a_start_in_1970_detects_queues_and_reports_that_the_clock_is_not_set(tmp_path):
    broker = Mosquitto(tmp_path)
    with publishing(broker.port, clock=Clock(wall=JumpingClock(5.0)), path=tmp_path / "o.db") as publisher:
        raised = raise_alerts(publisher, range(5))
        broker.start()
        with hearing(broker) as hearer:
            assert eventually(lambda: raised <= hearer.keys(), 20)
            for body in hearer.bodies("/alert"):
                assert body["clock_synced"] is False
                assert body["t_decided"].startswith("1970-01-01T00:00:")
    broker.stop()


@pytest.mark.parametrize("damage", ["a flipped byte", "cut off", "gone"])
def test_a_model_that_is_not_the_one_described_is_refused_with_65(tmp_path, damage):
    folder = tmp_path / "mask"
    shutil.copytree(paths.models() / "mask", folder)
    path = folder / "model.tflite"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content if damage == "a flipped byte" else content[:9000])
    done = maskwatch("run", "--source", "demo", "--set", f"classifier.model={folder}")
    assert done.returncode == 65, done.stderr
    assert "model.tflite" in done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def raising(folder: Path, *arguments: object) -> Iterator[Station]:
    """Return a station that raises alerts all the time."""
    with station(folder, *EAGER, *arguments) as made:
        assert eventually(lambda: len(made.ear.alerts()) > 2, 30)
        yield made


def check_nothing_is_lost_after(made: Station, folder: Path) -> None:
    """End what is left of the program, start it again without limits, and check that every committed alert arrives."""
    if made.up:
        made.watch.process.kill()
        made.watch.process.wait()
    committed = kills.committed(folder / "outbox.db", folder / "copy")
    assert committed
    outbox = ("--set", f"mqtt.outbox={folder}/outbox.db", "--set", f"show.socket={folder}/again.sock")
    again = Watch("--source", "demo", *on(made.broker), *outbox)
    heard = lambda: {f"{a['event_id']}:{a['seq']}" for a in made.ear.alerts()}  # noqa: E731
    try:
        assert eventually(lambda: committed <= heard(), 30), committed - heard()
    finally:
        again.process.kill()
        again.process.communicate()


def limit(pid: int, kind: int, value: int) -> None:
    resource.prlimit(pid, kind, (value, resource.prlimit(pid, kind)[1]))


def test_out_of_memory_ends_the_program_or_not_but_never_hangs_it_and_loses_nothing(tmp_path, record_property):
    with raising(tmp_path) as made:
        pid = made.watch.process.pid
        limit(pid, resource.RLIMIT_AS, size_bytes(pid) + 100_000)
        made.broker.stop()
        made.broker.start()
        began_at = time.monotonic()
        for _ in range(5):
            assert made.walks(5, 15) or not made.up, made.output[-5:]
        record_property("noticed_s", "" if made.up else round(time.monotonic() - began_at, 1))
        check_nothing_is_lost_after(made, tmp_path)


def test_out_of_descriptors_the_walk_goes_on_or_ends_and_nothing_is_lost(tmp_path):
    with raising(tmp_path) as made:
        pid = made.watch.process.pid
        limit(pid, resource.RLIMIT_NOFILE, open_files(pid))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as viewer:
            viewer.connect(str(tmp_path / "scene.sock"))
            made.broker.stop()
            made.broker.start()
            for _ in range(3):
                eventually(lambda: not made.up, 1.5)
        assert made.up, [line for line in made.output if "Error" in line]
        limit(pid, resource.RLIMIT_NOFILE, 256)
        assert made.walks(5, 30), made.output[-5:]
        check_nothing_is_lost_after(made, tmp_path)


def test_at_a_quarter_of_the_processor_frames_are_skipped_and_alerts_go_out_as_fast(tmp_path):
    with station(tmp_path, *EAGER) as made:
        dropped = made.stats["dropped"]
        made.camera.rate_hz = OVERLOAD_HZ
        with heat(made.watch.process.pid):
            assert eventually(lambda: made.stats["dropped"] > dropped + 30, 30), made.stats
            before = len(made.ear.alerts())
            assert eventually(lambda: len(made.ear.alerts()) > before + 4, 30)
            assert all(alert["latency_ms"] <= 1000 for alert in made.ear.alerts()[before:])
            assert made.health == "ok"


@pytest.mark.parametrize("broker", ["well", "frozen"])
def test_sigterm_ends_it_within_5_s_and_leaves_offline(tmp_path, broker, record_property):
    with station(tmp_path) as made:
        if broker == "frozen":
            made.broker.signal(signal.SIGSTOP)
        made.watch.process.send_signal(signal.SIGTERM)
        record_property("recovered_s", seconds_until(lambda: not made.up, 5))
        made.broker.signal(signal.SIGCONT)
        assert made.watch.process.returncode == 0
        assert eventually(lambda: made.ear.of("status")[-1:] == [b"offline"], 30)


@pytest.mark.timeout(400)
def test_no_alert_is_lost_and_none_is_delivered_twice_over_fifty_kills(tmp_path, record_property):
    figures = kills.trial(50, 33, tmp_path)
    record_property("recovered_s", figures["all there after s"])
    assert kills.passed(figures), figures


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[mqtt]\nprot = 1884\n", "mqtt.prot"),
        ("[mqtt]\nport = 'x'\n", "mqtt.port"),
        ("[alert]\ndwell_s = -1.0\n", "alert.dwell_s"),
        ("[mqtt\n", "line 1"),
    ],
)
def test_a_wrong_setting_ends_it_with_78_names_key_and_file_and_is_not_restarted(tmp_path, text, key):
    file = tmp_path / "site.toml"
    file.write_text(text)
    done = maskwatch("run", "--config", file, "--source", "demo")
    assert done.returncode == 78, done.stderr
    assert key in done.stderr
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr
    unit = (Path(__file__).parents[2] / "systemd/maskwatch.service").read_text()
    prevented = [line for line in unit.splitlines() if line.startswith("RestartPreventExitStatus=")]
    assert any("78" in line for line in prevented)


def test_settings_read_again_with_an_error_leave_the_old_ones_in_force(tmp_path, record_property):
    file = tmp_path / "site.toml"
    file.write_text("[device]\nsite = 'first'\n")
    with station(tmp_path, "--config", file) as made:
        site = lambda: json.loads(made.ear.of("info")[-1])["site"]  # noqa: E731
        assert site() == "first"
        file.write_text("[device]\nsite = 'second'\n[mqtt]\nprot = 1\n")
        made.watch.process.send_signal(signal.SIGHUP)
        record_property("noticed_s", seconds_until(lambda: "mqtt.prot" in made.problem("settings"), 10))
        assert made.walks(5)
        assert site() == "first"
        file.write_text("[device]\nsite = 'third'\n")
        made.watch.process.send_signal(signal.SIGHUP)
        record_property("recovered_s", seconds_until(lambda: site() == "third", 20))
        assert eventually(lambda: not made.problem("settings"))
        assert made.walks(5)


def test_a_display_that_dies_and_viewers_that_stall_or_flood_cost_the_walk_nothing(tmp_path, display):
    with station(tmp_path, DISPLAY=display.name) as made:
        assert eventually(lambda: any("edge view" in command for command in children(made.watch.process.pid)), 20)
        stalled = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stalled.connect(str(tmp_path / "scene.sock"))
        for _ in range(200):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as flood:
                flood.settimeout(0)
                flood.connect_ex(str(tmp_path / "scene.sock"))
        display.kill()
        watch = Stopwatch()
        assert made.walks(30, 60)
        assert watch.s < 10
        assert eventually(lambda: made.stats["latency_ms"] <= 300, 20)
        assert made.up
        stalled.close()


def children(pid: int) -> list[str]:
    """Return the command lines of a process's children. Source: proc(5), children."""
    numbers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{number}/cmdline").read_text().replace("\0", " ") for number in numbers]
