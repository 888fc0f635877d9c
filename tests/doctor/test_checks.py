"""Each check on fake machines that have the problem it looks for."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.doctor import Finding, FindingState, hardware, packages, service
from edge.doctor import camera as camera_checks
from edge.doctor.host import CommandResult, Host, run
from tests.support.ports import free_port
from tests.support.program import command, environment
from tests.support.settings import settings

NOWHERE = Path("/nonexistent")
OK, WARNING, MISSING = FindingState


def machine_of(
    root: Path, files: dict[str, str] | None = None, answers: dict[str, CommandResult] | None = None, **more
):
    """Return a machine of files below `root`, and of commands answered by a part of their line."""
    for name, text in (files or {}).items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def answer(words) -> CommandResult:
        line = " ".join(words)
        matching = [answer for beginning, answer in (answers or {}).items() if beginning in line]
        return matching[0] if matching else CommandResult(127)

    return Host(**{"root": root, "environ": {}, "run": answer, "python": "python", **more})


def failure(line: str) -> CommandResult:
    return CommandResult(1, error=f"Traceback (most recent call last):\n  File ...\n{line}\n")


PI = {"/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0"}
APT = {"/usr/lib/python3/dist-packages/picamera2/__init__.py": ""}
ABI = "ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88"
NO_MODULE = "ModuleNotFoundError: No module named 'picamera2'"


def test_an_old_python_is_missing(tmp_path):
    assert packages.python(machine_of(tmp_path, version=(3, 9, 2))).state is MISSING
    assert packages.python(Host()).state is OK


@pytest.mark.parametrize(("inside_one", "state"), [(True, WARNING), (False, MISSING)])
def test_a_python_without_venv_is_reported_with_the_fix(tmp_path, inside_one, state):
    host = machine_of(tmp_path, answers={"import ensurepip": CommandResult(1)}, in_virtual_environment=inside_one)
    found = packages.venv(host)
    assert (found.state, found.fix) == (state, "sudo apt install python3-venv")


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        ("ImportError: libGL.so.1: cannot open shared object file: No such file", "apt install libgl1"),
        ("ImportError: libgthread-2.0.so.0: cannot open shared object file", "apt install libglib2.0-0"),
        ("ModuleNotFoundError: No module named 'cv2'", "pip install 'opencv-python"),
        ("ImportError: numpy.core.multiarray failed to import", "numpy<2"),
    ],
)
def test_an_opencv_that_cannot_be_imported_is_reported_with_the_missing_package(tmp_path, error, fix):
    found = packages.opencv(machine_of(tmp_path, answers={"import cv2": failure(error)}))
    assert found.state is MISSING
    assert fix in found.fix


def test_an_opencv_that_cannot_decode_interlaced_video_is_a_warning_with_the_fix(tmp_path):
    broken = CommandResult(0, out="OpenCV 4.14.0 decodes interlaced video to black or stale frames\n")
    found = packages.opencv(
        machine_of(tmp_path, answers={"edge.capture.decoder": broken, "import cv2": CommandResult(0, "4.14.0")})
    )
    assert (found.state, found.text) == (WARNING, broken.out.strip())
    assert found.fix == "pip install 'opencv-python>=4.10,<4.13'"
    assert packages.opencv(Host()).state is OK


@pytest.mark.parametrize(
    ("files", "answer", "state", "fix"),
    [
        ({}, failure(NO_MODULE), OK, ""),
        (PI, CommandResult(0), OK, ""),
        (PI, failure(NO_MODULE), MISSING, "apt install python3-picamera2"),
        (
            PI | {"/usr/lib/python3/dist-packages/picamera2/__init__.py": ""},
            failure(NO_MODULE),
            MISSING,
            "--system-site",
        ),
        (PI, failure(ABI), MISSING, "numpy<2"),
    ],
)
def test_each_problem_of_picamera2_has_its_own_fix(tmp_path, files, answer, state, fix):
    found = packages.picamera2(machine_of(tmp_path, files, {"import picamera2": answer}))
    assert found.state is state
    assert fix in found.fix


def test_a_machine_without_a_model_runtime_is_reported(tmp_path):
    none = machine_of(tmp_path, answers={"import": failure("ModuleNotFoundError: No module named 'ai_edge_litert'")})
    assert packages.tflite(none).state is MISSING
    second = {"ai_edge": failure("x"), "tflite_runtime": CommandResult(0)}
    assert packages.tflite(machine_of(tmp_path, answers=second)).text == "tflite_runtime"
    wrong = {"ai_edge": failure("x"), "tflite_runtime": failure("A module that was compiled using NumPy 1.x")}
    assert "numpy<2" in packages.tflite(machine_of(tmp_path, answers=wrong)).fix


USB = {"/sys/class/video4linux/video0/name": "HD Webcam\n", "/dev/video0": ""}
CODEC = {"/sys/class/video4linux/video10/name": "bcm2835-codec-decode\n", "/dev/video10": ""}


@pytest.mark.parametrize(
    ("source", "files", "state"),
    [
        ("auto", {}, WARNING),
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


def test_a_camera_is_found_by_its_persistent_udev_names(tmp_path):
    host = machine_of(tmp_path, USB)
    for name in (BY_ID, BY_PATH):
        link = host.path(name)
        link.parent.mkdir(parents=True)
        link.symlink_to("../../video0")
        found = camera_checks.camera(host, settings(f"camera.source=usb:{name}"))
        assert (found.state, found.text, found.fix) == (OK, "/dev/video0 (HD Webcam)", "")
    for source in ("usb:0", "usb:/dev/video0"):
        found = camera_checks.camera(host, settings(f"camera.source={source}"))
        assert found.fix == f"camera.source = usb:{BY_ID} stays valid when device numbers change"
    host.path("/dev/video0").unlink()
    assert camera_checks.camera(host, settings(f"camera.source=usb:{BY_ID}")).state is MISSING


def test_a_link_in_a_circle_or_out_of_dev_is_no_camera(tmp_path):
    host = machine_of(tmp_path, USB)
    for name, target in (("circle", "circle"), ("away", "/etc/hostname")):
        host.path(f"/dev/{name}").symlink_to(target)
        assert camera_checks.camera(host, settings(f"camera.source=usb:/dev/{name}")).state is MISSING


def test_setup_offers_the_persistent_name(tmp_path):
    from edge.setup import questions

    host = machine_of(tmp_path, USB | {"/sys/class/video4linux/video1/name": "Bare", "/dev/video1": ""})
    for name in (BY_PATH, BY_ID):
        host.path(name).parent.mkdir(parents=True)
        host.path(name).symlink_to("../../video0")
    offered = []

    class Prompts:
        def choose(self, _question, choices, default):
            offered.extend(choices[:2])
            return default

    chosen = questions._source(questions.Setup(Prompts(), host, settings()), "auto")
    assert chosen == f"usb:{BY_ID}"
    assert offered == [(f"usb:{BY_ID}", f"HD Webcam at {BY_ID}"), ("usb:/dev/video1", "Bare at /dev/video1")]


def test_a_camera_on_the_ribbon_cable_is_found(tmp_path):
    host = machine_of(tmp_path, PI, {"global_camera_info": CommandResult(0, "imx708\n")})
    assert camera_checks.camera(host, settings("camera.source=picamera")).text == "imx708"


def test_a_user_outside_the_group_video_is_reported(tmp_path):
    host = machine_of(tmp_path, USB, may_use=lambda path: path.name != "video0")
    assert camera_checks.group(host).state is MISSING
    assert "usermod -aG video" in camera_checks.group(host).fix


def test_the_program_that_has_the_camera_open_is_named(tmp_path):
    host = machine_of(tmp_path, USB | {"/proc/77/comm": "cheese\n", "/proc/77/cmdline": "cheese\0"})
    assert camera_checks.busy(host).state is OK
    (tmp_path / "proc/77/fd").mkdir()
    (tmp_path / "proc/77/fd/5").symlink_to("/dev/video0")
    assert camera_checks.busy(host).state is WARNING
    assert "cheese (process 77)" in camera_checks.busy(host).text
    (tmp_path / "proc/77/cmdline").write_text("python\0/opt/maskwatch/bin/maskwatch\0run")
    assert camera_checks.busy(host).text == "by maskwatch"


def test_a_missing_display_is_reported_if_a_window_is_wanted(tmp_path):
    host = machine_of(tmp_path)
    assert packages.display(host, settings("show.window=on")).state is MISSING
    assert packages.display(host, settings()).state is OK
    opens = machine_of(tmp_path, answers={"namedWindow": CommandResult(0)}, environ={"DISPLAY": ":0"})
    assert packages.display(opens, settings("show.window=on")) == Finding("display", OK, ":0: a window opens")


def test_no_window_is_opened_if_none_is_wanted(tmp_path):
    host = machine_of(tmp_path, environ={"DISPLAY": ":0"})
    assert packages.display(host, settings("show.window=off")).state is OK


@pytest.mark.parametrize(
    ("error", "text", "fix"),
    [
        ("(libSM.so.6: cannot open shared object file: No such file)", "libSM.so.6 is missing", "apt install libsm6"),
        ("(libICE.so.6: cannot open shared object file: No such file)", "libICE.so.6", "apt install libice6"),
        ("(libxcb-new.so.9: cannot open shared object file)", "libxcb-new.so.9", "apt install libxcb1"),
        ("(libother.so.1: cannot open shared object file)", "libother.so.1", "the package of libother.so.1"),
        ("qt.qpa.xcb: could not connect to display :0", ":0: the display refuses the connection", "without sudo"),
        ("something new", ":0: no window opens: something new", ""),
    ],
)
def test_a_display_that_opens_no_window_is_reported_with_the_reason(tmp_path, error, text, fix):
    answers = {"namedWindow": CommandResult(134, error=error)}
    found = packages.display(machine_of(tmp_path, answers=answers, environ={"DISPLAY": ":0"}), settings())
    assert found.state is MISSING
    assert text in found.text
    assert fix in found.fix


class VoiceSettings:
    """Settings of which only the voice is set."""

    def __init__(self, voice: str) -> None:
        self.notice = self
        self._voice = voice

    def model_dump(self) -> dict[str, str]:
        return {"voice": self._voice}


def test_a_voice_without_its_programs_is_reported(tmp_path):
    assert packages.voice(machine_of(tmp_path), VoiceSettings("off")).state is OK
    assert "espeak-ng" in packages.voice(machine_of(tmp_path), VoiceSettings("espeak")).fix
    installed = {"espeak-ng": CommandResult(0)}
    assert "alsa-utils" in packages.voice(machine_of(tmp_path, answers=installed), VoiceSettings("espeak")).fix
    assert (
        packages.voice(
            machine_of(tmp_path, answers=installed | {"aplay": CommandResult(0)}), VoiceSettings("espeak")
        ).state
        is OK
    )


def test_the_mosquitto_tools_are_optional(tmp_path):
    assert packages.mosquitto(machine_of(tmp_path)).state is WARNING
    assert packages.mosquitto(machine_of(tmp_path, answers={"mosquitto_sub": CommandResult(1)})).state is OK


def test_little_memory_is_a_warning(tmp_path):
    little = {"/proc/meminfo": "MemTotal:  433000 kB\nSwapTotal:  102396 kB\n"}
    assert hardware.memory(machine_of(tmp_path, little)).state is WARNING
    swap = {"/proc/meminfo": "MemTotal:  433000 kB\nSwapTotal: 1048572 kB\n"}
    assert hardware.memory(machine_of(tmp_path, swap)).state is OK


def test_a_full_disk_and_an_unwritable_one_are_warnings(tmp_path):
    assert hardware.disk(tmp_path, lambda _: SimpleNamespace(free=5 * 2**20)).state is WARNING
    assert hardware.disk(tmp_path / "not" / "yet").state is OK
    assert hardware.disk(Path("/proc/sys")).state is WARNING
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
def test_the_folder_of_undelivered_alerts(tmp_path, setting, service_folder, folder):
    host = machine_of(tmp_path, environ={"HOME": "/home/u"})
    if service_folder:
        (tmp_path / "var/lib/maskwatch").mkdir(parents=True)
    assert hardware.outbox_folder(host, setting) == (folder and tmp_path / folder)


def test_an_unsynchronised_clock_is_a_warning(tmp_path):
    for error, state in (("no\n", WARNING), ("yes\n", OK)):
        assert hardware.clock(machine_of(tmp_path, answers={"timedatectl": CommandResult(0, error)})).state is state
    assert hardware.clock(machine_of(tmp_path)).state is OK


def test_heat_is_reported(tmp_path):
    zones = {f"/sys/class/thermal/thermal_zone{k}/temp": text for k, text in enumerate(("61000\n", "84500\n", "x"))}
    assert hardware.heat(machine_of(tmp_path, zones)).text.startswith("84 °C")
    assert hardware.heat(machine_of(tmp_path / "other")).state is OK


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        ("throttled=0x0\n", OK, "no problem reported"),
        ("throttled=0x50005\n", WARNING, "under-voltage now, throttled now, under-voltage since power-on"),
        ("throttled=0x50000\n", WARNING, "under-voltage since power-on"),
        ("throttled=0x80008\n", WARNING, "soft temperature limit now"),
        ("garbled\n", OK, "not checked"),
    ],
)
def test_the_firmware_report_on_the_power_supply_read_from_a_real_program(tmp_path, error, state, words):
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\n[ $1 = get_throttled ] && printf '{error}'\n")
    program.chmod(0o755)
    found = hardware.power(Host(run=lambda words: run([str(program), *words[1:]])))
    assert found.state is state
    assert words in found.text


def unit(**properties: str) -> CommandResult:
    usual = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "Result": "success",
        "NRestarts": "0",
        "ExecMainStatus": "0",
        "StatusText": "14.9 fps",
    }
    return CommandResult(0, "".join(f"{key}={value}\n" for key, value in {**usual, **properties}.items()))


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (CommandResult(127), OK, "not installed"),
        (unit(LoadState="not-found"), OK, "not installed"),
        (unit(), OK, "14.9 fps"),
        (unit(ActiveState="inactive", SubState="dead"), WARNING, "not running"),
        (unit(ActiveState="failed", Result="exit-code", ExecMainStatus="78"), MISSING, "exit code 78"),
        (unit(ActiveState="activating", SubState="auto-restart", NRestarts="2"), WARNING, "2 times"),
        (unit(NRestarts="17"), WARNING, "17 times"),
    ],
)
def test_the_state_of_the_service_in_systemd(tmp_path, answer, state, words):
    found = service.service(machine_of(tmp_path, answers={"systemctl show maskwatch": answer}))
    assert found.state is state
    assert words in found.text


def test_a_broker_that_accepts_the_test_alert_is_ok(mosquitto):
    found = service.broker(settings("mqtt.host=127.0.0.1", f"mqtt.port={mosquitto.port}"))
    assert (found.state, found.text) == (
        OK,
        f"127.0.0.1:{mosquitto.port} accepts the connection and a test alert; nobody subscribes to alerts yet",
    )


def test_an_unreachable_broker_is_reported_with_the_reason():
    found = service.broker(settings("mqtt.host=127.0.0.1", f"mqtt.port={free_port()}"))
    assert found.state is WARNING
    assert "Connection refused" in found.text
    assert "start the broker" in found.fix


def test_no_broker_at_all_is_missing(tmp_path):
    assert service.broker(settings("mqtt.host=")).state is MISSING
    assert service.broker(settings("mqtt.host=embedded")).state is OK


def doctor(*arguments: object, path: str = "", **more: str):
    """Run the command on this machine, with a PATH and environment of its own."""
    env = environment(**more)
    return run([*command("doctor", *arguments)], env | ({"PATH": path} if path else {}))


def test_the_command_prints_a_table_writes_json_and_ends_with_0_if_nothing_is_missing(tmp_path):
    found = tmp_path / "found.json"
    done = doctor("--json", found, "--set", "camera.source=demo")
    assert done.code == 0, done.out
    rows = {row["check"]: row for row in json.loads(found.read_text())}
    assert rows["opencv"]["state"] == "ok"
    assert set(rows["python"]) == {"check", "state", "found", "fix"}
    for name in rows:
        assert name in done.out


def test_it_ends_with_1_if_something_is_missing_and_works_without_opencv(tmp_path):
    """A cv2 first on Python's path fails as on a machine without libGL."""
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file: No such file')")
    found = tmp_path / "found.json"
    root = environment()["PYTHONPATH"]
    done = doctor("--json", found, "--set", "camera.source=demo", PYTHONPATH=f"{tmp_path}{os.pathsep}{root}")
    assert done.code == 1
    (row,) = [row for row in json.loads(found.read_text()) if row["check"] == "opencv"]
    assert (row["state"], row["fix"]) == ("missing", "sudo apt install libgl1")


def test_wrong_settings_are_a_finding_and_everything_else_is_still_checked(tmp_path):
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


def test_a_program_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setattr("edge.doctor.host._TIMEOUT_S", 0.2)
    assert run([sys.executable, "-c", "import time; time.sleep(60)"]).code == 124
    assert not run([shutil.which("true") or "/bin/true"]).code
    assert not run(["no such program"]).exists


@pytest.mark.parametrize(
    ("answer", "state", "text"),
    [
        (CommandResult(0, '[true, "balanced (a frame takes: live 50 ms)"]'), OK, "auto: balanced (a frame takes"),
        (CommandResult(0, '[false, "live (a frame takes: live 400 ms)"]'), WARNING, "too long for 4 per second"),
        (CommandResult(1), OK, "not measured"),
    ],
)
def test_the_profile_that_auto_stands_for_is_stated_with_a_warning_if_even_the_quickest_is_too_slow(
    tmp_path, answer, state, text
):
    found = hardware.detector(machine_of(tmp_path, answers={"edge.profiles": answer}), settings())
    assert found.state is state
    assert text in found.text


def test_a_profile_that_is_set_is_not_measured(tmp_path):
    found = hardware.detector(machine_of(tmp_path), settings("detector.profile=quality"))
    assert (found.state, found.text) == (OK, "not measured: quality is set")


def test_no_accelerator_is_tried_where_none_is_set(tmp_path):
    found = hardware.accelerator(machine_of(tmp_path), settings())
    assert (found.state, found.text) == (OK, "none is set")


@pytest.mark.parametrize(
    ("answer", "state", "text"),
    [
        (CommandResult(0, '""'), OK, "libx.so gives the results of the CPU"),
        (CommandResult(0, '"off: libx.so: the models run on the CPU: no such device"'), WARNING, "libx.so: the models"),
        (CommandResult(1), OK, "not tried"),
    ],
)
def test_an_accelerator_that_does_not_work_is_a_warning_with_its_reason(tmp_path, answer, state, text):
    host = machine_of(tmp_path, answers={"acceleration_of": answer})
    found = hardware.accelerator(host, settings("tflite.delegate=libx.so"))
    assert found.state is state
    assert found.text.startswith(text)


def test_an_absent_accelerator_is_tried_for_real():
    found = hardware.accelerator(Host(), settings("tflite.delegate=/nowhere/libx.so", "tflite.delegate_options=a:b"))
    assert found.state is WARNING
    assert "cannot open shared object file" in found.text
