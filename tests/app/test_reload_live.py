"""Settings that change while a real `maskwatch run` works: a real broker, its own web page, and nothing is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from edge.settings.load import load
from tests.support.contract import OpenEar
from tests.support.device import TOP, wait_for
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.pages import Site
from tests.support.ports import free_port
from tests.support.program import command, environment

HOLD_S = load(system_file=Path("/nonexistent")).settings.notice.hold_s


class Stop(Site):
    """A run with a broker that keeps a log, and with its own web page."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.log = folder, free_port(), folder / "broker.log"
        self.config = folder / "config.toml"
        self.broker = Mosquitto(folder, f"log_dest file {self.log}", "log_type all")
        self.broker.start()
        self.write()
        self.ear = OpenEar(self.broker.port)
        said = (folder / "run.log").open("w")
        self.process = subprocess.Popen(
            command("run", "--config", self.config),
            stdout=said,
            stderr=said,
            text=True,
            env=environment(XDG_STATE_HOME=str(folder), XDG_RUNTIME_DIR=str(folder)),
        )
        wait_for(self.ear, f"{TOP}/status", b"online".__eq__)
        assert eventually(self._serves, 30), self.said

    def write(self, **more: str) -> None:
        """Write the settings, with other lines in some sections."""
        broker = f'host = "127.0.0.1"\nport = {self.broker.port}\nstats_s = 0.5\noutbox = "{self.folder}/outbox.db"\n'
        sections = {"device": 'name = "stop-7"\n', "mqtt": broker, "web": f"serve = true\nport = {self.port}\n"}
        sections["camera"] = more.pop("camera", 'source = "demo"\n')
        for name, lines in more.items():
            sections[name] = sections.get(name, "") + lines
        self.config.write_text("".join(f"[{name}]\n{lines}\n" for name, lines in sections.items()))

    @property
    def said(self) -> str:
        return (self.folder / "run.log").read_text()

    @property
    def connections(self) -> int:
        return self.log.read_text().count("as maskwatch-stop-7-main ")

    def alerts(self) -> list[dict]:
        return [json.loads(payload) for payload in self.ear.of(f"{TOP}/camera/main/alert")]

    def entries(self) -> list[int]:
        return [sum(json.loads(text)["entries"].values()) for text in self.ear.of(f"{TOP}/camera/main/count")]

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(15) == 0
        assert "Traceback" not in self.said
        self.ear.close()
        self.broker.stop()


@pytest.fixture
def stop(tmp_path):
    made = Stop(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()
    made.broker.stop()


def notices(stop: Stop) -> list[tuple[float, str]]:
    """Return when other signs were told what, in the device's own time."""
    heard = [json.loads(payload) for payload in stop.ear.of(f"{TOP}/notice")]
    return [
        (time.mktime(time.strptime(n["t"][:19], "%Y-%m-%dT%H:%M:%S")) + float(n["t"][19:23]), n["state"]) for n in heard
    ]


@pytest.mark.timeout(240)
def test_commands_without_end_disturb_neither_detection_nor_notices_nor_sessions_nor_counts(stop):
    """One valid command a second once restarted the watch twenty times a minute, and cut each notice off."""
    cookie = stop.log_in()
    wait_for(stop.ear, f"{TOP}/camera/main/alert", lambda payload: b'"start"' in payload)
    began, began_at = len(stop.ear.of(f"{TOP}/stats")), time.monotonic()
    frames, number = json.loads(stop.ear.of(f"{TOP}/stats")[-1])["frames"], 0
    # for half a minute, or longer on a machine so busy that it has not changed five times by then
    while time.monotonic() - began_at < 30 or number < 23 or len(stop.ear.of(f"{TOP}/alert/dwell_s/state")) < 5:
        number += 1
        stop.ear.publish(f"{TOP}/alert/dwell_s/set", f"{1 + number % 10 / 10}")
        if number % 5 == 0:
            stop.ear.publish(f"{TOP}/detector/profile/set", ("live", "auto")[number // 5 % 2])
        time.sleep(1.3)  # with both, no more than one per second: those are all accepted
    took_s = time.monotonic() - began_at
    stop.ear.publish(f"{TOP}/alert/dwell_s/set", "0.7")
    wait_for(stop.ear, f"{TOP}/alert/dwell_s/state", b"0.7".__eq__)
    stats = [json.loads(text) for text in stop.ear.of(f"{TOP}/stats")[began:]]
    assert stats[-1]["frames"] - frames > 100, "frames are counted on"
    assert len({s["session"] for s in stats}) == 1
    assert stats[-1]["commands"]["taken"] > 20
    applied = len(stop.ear.of(f"{TOP}/alert/dwell_s/state"))
    assert applied <= took_s / 3 + 4, "put in force every three seconds at the most"
    assert stop.connections == 1
    assert stop.said.count("camera demo: ok") == 1
    assert set(stop.ear.of(f"{TOP}/status")) == {b"online"}
    assert "stopped" not in {alert["reason"] for alert in stop.alerts()}
    assert stop.entries() == sorted(stop.entries())
    assert stop.entries()[-1] > 0
    told = notices(stop)
    lasted = [later - at for (at, state), (later, _) in pairwise(told) if state == "on"]
    assert [round(s, 2) for s in lasted if s < HOLD_S - 0.1] == [], "each stood as long as notice.hold_s at least"
    assert stop.ear.of(f"{TOP}/notice/state") == [b"ON"]
    assert stop.ask("GET", "/", Cookie=cookie).status == 200, "whoever is logged in stays so"
    stop.close()


@pytest.mark.timeout(240)
def test_an_open_episode_outlives_a_reload_and_another_camera_ends_it(stop):
    wait_for(stop.ear, f"{TOP}/camera/main/alert", lambda payload: b'"start"' in payload)
    event = stop.alerts()[-1]["event_id"]
    stop.write(alert="dwell_s = 1.5\nupdate_s = 1.0\n", device='site = "Main Street"\n', notice="hold_s = 2.0\n")
    stop.process.send_signal(signal.SIGHUP)
    wait_for(stop.ear, f"{TOP}/info", lambda payload: json.loads(payload)["site"] == "Main Street")
    assert eventually(lambda: [a for a in stop.alerts() if a["event_id"] == event and a["seq"] > 0], 20)
    (following,) = [a for a in stop.alerts() if (a["event_id"], a["seq"]) == (event, 1)]
    assert following["event_type"] in ("update", "end")
    assert following["reason"] in (None, "mask_on", "gone")
    assert following["site"] == "Main Street"
    assert stop.connections == 1
    assert stop.said.count("camera demo: ok") == 1

    mark = len(stop.ear.heard)
    wait_for(stop.ear, f"{TOP}/camera/main/unmasked", b"ON".__eq__, mark)
    wait_for(stop.ear, f"{TOP}/camera/main/alert", lambda payload: b'"start"' in payload, mark)
    stop.write(camera='source = "demo"\nfps_hz = 10.0\n')
    mark = len(stop.ear.heard)
    stop.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: stop.said.count("camera demo: ok") == 2, 20)
    wait_for(stop.ear, f"{TOP}/camera/main/unmasked", b"OFF".__eq__, mark)
    assert stop.connections == 1
    stop.close()


@pytest.mark.timeout(240)
def test_settings_that_cannot_be_put_in_force_leave_the_old_ones_and_all_that_is_open(stop):
    cookie, began = stop.log_in(), len(stop.ear.heard)
    wrong = {
        "show": 'socket = "/proc/none/scene.sock"\n',
        "web": 'host = "0.0.0.0"\n',
        "camera": 'source = "none.mp4"\n',
        "classifier": 'model = "/nonexistent"\n',
        "mqtt": 'ca_file = "/nonexistent"\n',
    }
    for section, line in wrong.items():  # found when they are checked
        stop.write(**{section: line})
        mark = len(stop.ear.heard)
        stop.process.send_signal(signal.SIGHUP)
        wait_for(stop.ear, f"{TOP}/problem/settings", bool, mark)
    stop.write()
    stop.config.write_text(stop.config.read_text().replace('host = "127.0.0.1"\nport', 'host = "embedded"\nport'))
    mark = len(stop.ear.heard)
    stop.process.send_signal(signal.SIGHUP)
    # found when it is opened
    wait_for(stop.ear, f"{TOP}/problem/settings", lambda payload: b"is in use" in payload, mark)
    stop.write()
    mark = len(stop.ear.heard)
    stop.process.send_signal(signal.SIGHUP)
    wait_for(stop.ear, f"{TOP}/problem/settings", b"".__eq__, mark)
    assert stop.connections == 1
    assert stop.said.count("camera demo: ok") <= 1
    assert stop.ask("GET", "/", Cookie=cookie).status == 200
    assert not [h for h in stop.ear.heard[began:] if h.topic == f"{TOP}/status" and h.payload == b"offline"]
    stop.close()
