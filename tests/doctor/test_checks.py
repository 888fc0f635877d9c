"""The doctor on machines with each pain made on purpose."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.doctor import camera as camera_checks
from edge.doctor import hardware, packages, service
from edge.doctor.host import Answer, Finding, Host, State, run
from edge.settings.load import load
from tests.conftest import command, environment, free_port

NOWHERE = Path("/nonexistent")
OK, ODD, MISSING = State.OK, State.ODD, State.MISSING


def settings(*overrides: str):
    return load(overrides=overrides, system_file=NOWHERE).settings


def machine_of(root: Path, files: dict[str, str] | None = None, answers: dict[str, Answer] | None = None, **more):
    """Return a world of files below `root` and of commands that answer by the beginning of their line."""
    for name, text in (files or {}).items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def say(words) -> Answer:
        line = " ".join(words)
        fitting = [answer for beginning, answer in (answers or {}).items() if beginning in line]
        return fitting[0] if fitting else Answer(127)

    return Host(**{"root": root, "environ": {}, "run": say, "python": "python", **more})


def complaint(line: str) -> Answer:
    return Answer(1, error=f"Traceback (most recent call last):\n  File ...\n{line}\n")


PI = {"/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0"}
APT = {"/usr/lib/python3/dist-packages/picamera2/__init__.py": ""}
ABI = "ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88"
NO_MODULE = "ModuleNotFoundError: No module named 'picamera2'"


def test_an_old_python_is_told(tmp_path):
    assert packages.python(machine_of(tmp_path, version=(3, 9, 2))).state is MISSING
    assert packages.python(Host()).state is OK


@pytest.mark.parametrize(("lives_in_one", "state"), [(True, ODD), (False, MISSING)])
def test_a_python_without_venv_is_told(tmp_path, lives_in_one, state):
    world = machine_of(tmp_path, answers={"import ensurepip": Answer(1)}, own_environment=lives_in_one)
    found = packages.venv(world)
    assert (found.state, found.mend) == (state, "sudo apt install python3-venv")


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ("ImportError: libGL.so.1: cannot open shared object file: No such file", "apt install libgl1"),
        ("ImportError: libgthread-2.0.so.0: cannot open shared object file", "apt install libglib2.0-0"),
        ("ModuleNotFoundError: No module named 'cv2'", "pip install 'opencv-python"),
        ("ImportError: numpy.core.multiarray failed to import", "numpy<2"),
    ],
)
def test_an_opencv_that_cannot_be_imported_is_told_with_what_is_lacking(tmp_path, said, mend):
    found = packages.opencv(machine_of(tmp_path, answers={"import cv2": complaint(said)}))
    assert found.state is MISSING
    assert mend in found.mend


def test_an_opencv_that_is_blind_for_interlaced_video_is_named_with_the_fix(tmp_path):
    blind = Answer(0, out="OpenCV 4.14.0 decodes interlaced video to black or stale frames\n")
    found = packages.opencv(
        machine_of(tmp_path, answers={"edge.capture.decoder": blind, "import cv2": Answer(0, "4.14.0")})
    )
    assert (found.state, found.text) == (ODD, blind.out.strip())
    assert found.mend == "pip install 'opencv-python>=4.10,<4.13'"
    assert packages.opencv(Host()).state is OK


@pytest.mark.parametrize(
    ("files", "answer", "state", "mend"),
    [
        ({}, complaint(NO_MODULE), OK, ""),
        (PI, Answer(0), OK, ""),
        (PI, complaint(NO_MODULE), MISSING, "apt install python3-picamera2"),
        (
            PI | {"/usr/lib/python3/dist-packages/picamera2/__init__.py": ""},
            complaint(NO_MODULE),
            MISSING,
            "--system-site",
        ),
        (PI, complaint(ABI), MISSING, "numpy<2"),
    ],
)
def test_the_pains_of_picamera2_are_told_apart(tmp_path, files, answer, state, mend):
    found = packages.picamera2(machine_of(tmp_path, files, {"import picamera2": answer}))
    assert found.state is state
    assert mend in found.mend


def test_a_machine_without_a_runtime_for_models_is_told(tmp_path):
    none = machine_of(tmp_path, answers={"import": complaint("ModuleNotFoundError: No module named 'ai_edge_litert'")})
    assert packages.tflite(none).state is MISSING
    second = {"ai_edge": complaint("x"), "tflite_runtime": Answer(0)}
    assert packages.tflite(machine_of(tmp_path, answers=second)).text == "tflite_runtime"
    wrong = {"ai_edge": complaint("x"), "tflite_runtime": complaint("A module that was compiled using NumPy 1.x")}
    assert "numpy<2" in packages.tflite(machine_of(tmp_path, answers=wrong)).mend


USB = {"/sys/class/video4linux/video0/name": "HD Webcam\n", "/dev/video0": ""}
CODEC = {"/sys/class/video4linux/video10/name": "bcm2835-codec-decode\n", "/dev/video10": ""}


@pytest.mark.parametrize(
    ("source", "files", "state"),
    [
        ("auto", {}, ODD),
        ("camera", {}, MISSING),
        ("camera", CODEC, MISSING),
        ("camera", USB | CODEC, OK),
        ("usb:0", USB, OK),
        ("usb:1", USB, MISSING),
        ("rtsp://somewhere/stream", {}, OK),
    ],
)
def test_whether_the_camera_is_connected(tmp_path, source, files, state):
    assert camera_checks.camera(machine_of(tmp_path, files), settings(f"camera.source={source}")).state is state


BY_ID, BY_PATH = "/dev/v4l/by-id/usb-Acme_HD_Webcam-video-index0", "/dev/v4l/by-path/usb-0:1.2:1.0-video-index0"


def test_a_camera_is_found_under_the_names_that_udev_keeps_for_it(tmp_path):
    world = machine_of(tmp_path, USB)
    for name in (BY_ID, BY_PATH):
        link = world.path(name)
        link.parent.mkdir(parents=True)
        link.symlink_to("../../video0")
        found = camera_checks.camera(world, settings(f"camera.source=usb:{name}"))
        assert (found.state, found.text, found.mend) == (OK, "/dev/video0 (HD Webcam)", "")
    for source in ("usb:0", "usb:/dev/video0"):
        found = camera_checks.camera(world, settings(f"camera.source={source}"))
        assert found.mend == f"camera.source = usb:{BY_ID} keeps its name when numbers change"
    world.path("/dev/video0").unlink()
    assert camera_checks.camera(world, settings(f"camera.source=usb:{BY_ID}")).state is MISSING


def test_a_name_that_leads_in_a_circle_or_away_is_no_camera(tmp_path):
    world = machine_of(tmp_path, USB)
    for name, target in (("circle", "circle"), ("away", "/etc/hostname")):
        world.path(f"/dev/{name}").symlink_to(target)
        assert camera_checks.camera(world, settings(f"camera.source=usb:/dev/{name}")).state is MISSING


def test_setup_offers_the_name_that_lasts(tmp_path):
    from edge.setup import questions

    world = machine_of(tmp_path, USB | {"/sys/class/video4linux/video1/name": "Bare", "/dev/video1": ""})
    for name in (BY_PATH, BY_ID):
        world.path(name).parent.mkdir(parents=True)
        world.path(name).symlink_to("../../video0")
    offered = []

    class Prompts:
        def choose(self, _question, choices, default):
            offered.extend(choices[:2])
            return default

    chosen = questions._source(questions.Setup(Prompts(), world, settings()), "auto")
    assert chosen == f"usb:{BY_ID}"
    assert offered == [(f"usb:{BY_ID}", f"HD Webcam at {BY_ID}"), ("usb:/dev/video1", "Bare at /dev/video1")]


def test_a_camera_on_the_ribbon_cable_is_found(tmp_path):
    world = machine_of(tmp_path, PI, {"global_camera_info": Answer(0, "imx708\n")})
    assert camera_checks.camera(world, settings("camera.source=picamera")).text == "imx708"


def test_a_user_outside_the_group_video_is_told(tmp_path):
    world = machine_of(tmp_path, USB, may_read=lambda path: path.name != "video0")
    assert camera_checks.group(world).state is MISSING
    assert "usermod -aG video" in camera_checks.group(world).mend


def test_who_has_the_camera_is_told(tmp_path):
    world = machine_of(tmp_path, USB | {"/proc/77/comm": "cheese\n", "/proc/77/cmdline": "cheese\0"})
    assert camera_checks.busy(world).state is OK
    (tmp_path / "proc/77/fd").mkdir()
    (tmp_path / "proc/77/fd/5").symlink_to("/dev/video0")
    assert camera_checks.busy(world).state is ODD
    assert "cheese (process 77)" in camera_checks.busy(world).text
    (tmp_path / "proc/77/cmdline").write_text("python\0/opt/maskwatch/bin/maskwatch\0run")
    assert camera_checks.busy(world).text == "by maskwatch"


def test_a_window_without_a_display_is_told_where_one_is_wanted(tmp_path):
    world = machine_of(tmp_path)
    assert packages.display(world, settings("show.window=on")).state is MISSING
    assert packages.display(world, settings()).state is OK
    opens = machine_of(tmp_path, answers={"namedWindow": Answer(0)}, environ={"DISPLAY": ":0"})
    assert packages.display(opens, settings("show.window=on")) == Finding("display", OK, ":0: a window opens")


def test_no_window_is_tried_where_none_is_wanted(tmp_path):
    world = machine_of(tmp_path, environ={"DISPLAY": ":0"})
    assert packages.display(world, settings("show.window=off")).state is OK


@pytest.mark.parametrize(
    ("said", "text", "mend"),
    [
        ("(libSM.so.6: cannot open shared object file: No such file)", "libSM.so.6 is missing", "apt install libsm6"),
        ("(libICE.so.6: cannot open shared object file: No such file)", "libICE.so.6", "apt install libice6"),
        ("(libxcb-new.so.9: cannot open shared object file)", "libxcb-new.so.9", "apt install libxcb1"),
        ("(libother.so.1: cannot open shared object file)", "libother.so.1", "the package of libother.so.1"),
        ("qt.qpa.xcb: could not connect to display :0", ":0: it takes no connection", "without sudo"),
        ("something new", ":0: no window opens: something new", ""),
    ],
)
def test_a_display_on_which_no_window_opens_is_named_with_the_reason(tmp_path, said, text, mend):
    answers = {"namedWindow": Answer(134, error=said)}
    found = packages.display(machine_of(tmp_path, answers=answers, environ={"DISPLAY": ":0"}), settings())
    assert found.state is MISSING
    assert text in found.text
    assert mend in found.mend


class Spoken:
    """Settings whose voice is on, whatever else the notice can do."""

    def __init__(self, voice: str) -> None:
        self.notice = self
        self._voice = voice

    def model_dump(self) -> dict[str, str]:
        return {"voice": self._voice}


def test_a_voice_without_what_speaks_is_told(tmp_path):
    assert packages.voice(machine_of(tmp_path), Spoken("off")).state is OK
    assert "espeak-ng" in packages.voice(machine_of(tmp_path), Spoken("espeak")).mend
    speaks = {"espeak-ng": Answer(0)}
    assert "alsa-utils" in packages.voice(machine_of(tmp_path, answers=speaks), Spoken("espeak")).mend
    assert packages.voice(machine_of(tmp_path, answers=speaks | {"aplay": Answer(0)}), Spoken("espeak")).state is OK


def test_the_listening_tools_are_optional(tmp_path):
    assert packages.mosquitto(machine_of(tmp_path)).state is ODD
    assert packages.mosquitto(machine_of(tmp_path, answers={"mosquitto_sub": Answer(1)})).state is OK


def test_little_memory_is_told(tmp_path):
    little = {"/proc/meminfo": "MemTotal:  433000 kB\nSwapTotal:  102396 kB\n"}
    assert hardware.memory(machine_of(tmp_path, little)).state is ODD
    swap = {"/proc/meminfo": "MemTotal:  433000 kB\nSwapTotal: 1048572 kB\n"}
    assert hardware.memory(machine_of(tmp_path, swap)).state is OK


def test_a_full_disk_and_one_that_cannot_be_written_are_told(tmp_path):
    assert hardware.disk(tmp_path, lambda _: SimpleNamespace(free=5 * 2**20)).state is ODD
    assert hardware.disk(tmp_path / "not" / "yet").state is OK
    assert hardware.disk(Path("/proc/sys")).state is ODD
    assert "in memory" in hardware.disk(None).text


@pytest.mark.parametrize(
    ("setting", "service_folder", "folder"),
    [
        ("memory", False, None),
        ("/data/a.db", True, "/data"),
        ("", True, "var/lib/maskwatch"),
        ("", False, "/home/u/.local/state/maskwatch"),
    ],
)
def test_where_alerts_wait(tmp_path, setting, service_folder, folder):
    world = machine_of(tmp_path, environ={"HOME": "/home/u"})
    if service_folder:
        (tmp_path / "var/lib/maskwatch").mkdir(parents=True)
    assert hardware.outbox_folder(world, setting) == (folder and tmp_path / folder)


def test_a_clock_that_is_not_set_is_told(tmp_path):
    for said, state in (("no\n", ODD), ("yes\n", OK)):
        assert hardware.clock(machine_of(tmp_path, answers={"timedatectl": Answer(0, said)})).state is state
    assert hardware.clock(machine_of(tmp_path)).state is OK


def test_heat_is_told(tmp_path):
    zones = {f"/sys/class/thermal/thermal_zone{k}/temp": text for k, text in enumerate(("61000\n", "84500\n", "x"))}
    assert hardware.heat(machine_of(tmp_path, zones)).text.startswith("84 °C")
    assert hardware.heat(machine_of(tmp_path / "other")).state is OK


@pytest.mark.parametrize(
    ("said", "state", "words"),
    [
        ("throttled=0x0\n", OK, "no complaint"),
        ("throttled=0x50005\n", ODD, "under-voltage now, throttled now, under-voltage since power-on"),
        ("throttled=0x50000\n", ODD, "under-voltage since power-on"),
        ("throttled=0x80008\n", ODD, "soft temperature limit now"),
        ("garbled\n", OK, "not told"),
    ],
)
def test_what_the_firmware_says_of_the_supply_by_a_real_program_on_the_path(tmp_path, said, state, words):
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\n[ $1 = get_throttled ] && printf '{said}'\n")
    program.chmod(0o755)
    found = hardware.power(Host(run=lambda words: run([str(program), *words[1:]])))
    assert found.state is state
    assert words in found.text


def told(**properties: str) -> Answer:
    usual = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "Result": "success",
        "NRestarts": "0",
        "ExecMainStatus": "0",
        "StatusText": "14.9 fps",
    }
    return Answer(0, "".join(f"{key}={value}\n" for key, value in {**usual, **properties}.items()))


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (Answer(127), OK, "not installed"),
        (told(LoadState="not-found"), OK, "not installed"),
        (told(), OK, "14.9 fps"),
        (told(ActiveState="inactive", SubState="dead"), ODD, "does not run"),
        (told(ActiveState="failed", Result="exit-code", ExecMainStatus="78"), MISSING, "exit code 78"),
        (told(ActiveState="activating", SubState="auto-restart", NRestarts="2"), ODD, "2 times"),
        (told(NRestarts="17"), ODD, "17 times"),
    ],
)
def test_what_systemd_says_of_the_service(tmp_path, answer, state, words):
    found = service.service(machine_of(tmp_path, answers={"systemctl show maskwatch": answer}))
    assert found.state is state
    assert words in found.text


def test_a_broker_that_takes_us_is_fine(mosquitto):
    found = service.broker(settings("mqtt.host=127.0.0.1", f"mqtt.port={mosquitto.port}"))
    assert (found.state, found.text) == (
        OK,
        f"127.0.0.1:{mosquitto.port} takes us and a test alert, which nobody hears",
    )


def test_a_broker_that_cannot_be_reached_is_told_with_the_reason():
    found = service.broker(settings("mqtt.host=127.0.0.1", f"mqtt.port={free_port()}"))
    assert found.state is ODD
    assert "Connection refused" in found.text
    assert "start the broker" in found.mend


def test_no_broker_at_all_is_missing(tmp_path):
    assert service.broker(settings("mqtt.host=")).state is MISSING
    assert service.broker(settings("mqtt.host=embedded")).state is OK


def doctor(*arguments: object, path: str = "", **more: str):
    """Run the command on this machine, with a PATH and environment of its own."""
    env = environment(**more)
    return run([*command("doctor", *arguments)], env | ({"PATH": path} if path else {}))


def test_the_command_tells_people_and_programs_and_ends_with_0_where_nothing_is_missing(tmp_path):
    found = tmp_path / "found.json"
    done = doctor("--json", found, "--set", "camera.source=demo")
    assert done.code == 0, done.out
    rows = {row["check"]: row for row in json.loads(found.read_text())}
    assert rows["opencv"]["state"] == "ok"
    assert set(rows["python"]) == {"check", "state", "found", "mend"}
    for name in rows:
        assert name in done.out


def test_it_ends_with_1_where_something_is_missing_and_works_without_opencv(tmp_path):
    """A folder before all others on Python's path holds a cv2 that fails as on a machine without libGL."""
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file: No such file')")
    found = tmp_path / "found.json"
    root = environment()["PYTHONPATH"]
    done = doctor("--json", found, "--set", "camera.source=demo", PYTHONPATH=f"{tmp_path}{os.pathsep}{root}")
    assert done.code == 1
    (row,) = [row for row in json.loads(found.read_text()) if row["check"] == "opencv"]
    assert (row["state"], row["mend"]) == ("missing", "sudo apt install libgl1")


def test_wrong_settings_are_a_finding_and_the_rest_is_looked_at_all_the_same(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[mqtt]\nprot = 1\n")
    done = doctor("--config", file, "--json", tmp_path / "found.json")
    rows = json.loads((tmp_path / "found.json").read_text())
    assert done.code == 1
    assert "mqtt.prot: unknown setting" in rows[0]["found"]
    assert len(rows) > 10


def test_it_works_with_no_programs_on_the_path(tmp_path):
    done = doctor("--set", "camera.source=demo", path=str(tmp_path))
    assert done.code == 0, done.error
    assert "Traceback" not in done.error


def test_a_program_that_never_ends_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("edge.doctor.host._PATIENCE_S", 0.2)
    assert run([sys.executable, "-c", "import time; time.sleep(60)"]).code == 124
    assert not run([shutil.which("true") or "/bin/true"]).code
    assert not run(["no such program"]).there
