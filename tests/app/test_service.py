"""`maskwatch run` from end to end: real broker, real signals, real bad luck."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import pipeline
from edge import stages as parts
from edge.data import Mask, Verdicts
from edge.monitor.timings import Timings
from edge.settings.load import load
from tests.support import fakes
from tests.support.fakes import eventually
from tests.support.listeners import Receiver
from tests.support.mosquitto import PERSISTENT, Mosquitto
from tests.support.mounts import mounts
from tests.support.ports import free_port
from tests.support.program import command, environment, maskwatch
from tests.support.service import Ear, Watch, known, on


@pytest.fixture
def ear(mosquitto: Mosquitto) -> Iterator[Ear]:
    made = Ear(mosquitto.port)
    yield made
    made.close()


def test_the_demo_raises_an_alert_that_a_client_hears_and_ends_offline(mosquitto, ear):
    watch = Watch("--source", "demo", *on(mosquitto))
    assert eventually(ear.alerts, 40)
    assert eventually(lambda: ear.of("camera/main/unmasked")[-1:] == [b"ON"])
    code, out, err = watch.end()
    assert code == 0, err
    assert "Traceback" not in err
    assert "episode start" in out
    assert eventually(lambda: ear.of("status")[-1:] == [b"offline"])
    first, last = ear.alerts()[0], ear.alerts()[-1]
    assert (first["nearest_person_m"], first["people_near"]) == (None, 0)  # nobody else is on the street yet
    assert (first["event_type"], first["seq"], first["label"]) == ("start", 0, "without_mask")
    assert (last["event_type"], last["reason"]) == ("end", "stopped")
    assert not first["delayed"]
    assert ear.of("camera/main/unmasked") == [b"OFF", b"ON", b"OFF"]
    assert {name for name, _, retained in ear.heard if retained} == set()
    for topic in ("info", "stats", "camera/main/count"):
        assert json.loads(ear.of(topic)[0])["schema"] == 1


def test_it_takes_leave_of_the_broker_and_does_not_just_vanish(tmp_path):
    log = tmp_path / "broker.log"
    broker = Mosquitto(tmp_path, f"log_dest file {log}", "log_type all")
    broker.start()
    watch = Watch("--source", "demo", *on(broker))
    assert eventually(lambda: "maskwatch-stop-7-main" in log.read_text(), 30)
    watch.end()
    assert eventually(lambda: "Received DISCONNECT from maskwatch-stop-7-main" in log.read_text())
    broker.stop()


def test_what_is_retained_is_state_and_never_an_alert(mosquitto, ear):
    watch = Watch("--source", "demo", *on(mosquitto))
    assert eventually(ear.alerts, 40)
    watch.end()
    late = Ear(mosquitto.port)
    assert eventually(lambda: late.of("status") == [b"offline"])
    assert eventually(lambda: late.of("camera/main/unmasked") == [b"OFF"])
    assert late.alerts() == []
    late.close()


def test_a_killed_watch_is_offline_by_its_last_will(mosquitto, ear):
    watch = Watch("--source", "demo", *on(mosquitto))
    assert eventually(lambda: ear.of("status") == [b"online"], 30)
    watch.process.kill()
    watch.process.communicate()
    assert eventually(lambda: ear.of("status")[-1] == b"offline")


def test_the_embedded_broker_serves_a_first_run(tmp_path):
    port = free_port()
    watch = Watch("--source", "demo", "--set", f"mqtt.port={port}", XDG_STATE_HOME=str(tmp_path))
    assert eventually(lambda: not socket.socket().connect_ex(("127.0.0.1", port)), 30)
    ear = Ear(port, **known(tmp_path))
    assert eventually(ear.alerts, 40)
    code, _, err = watch.end(signal.SIGINT)
    assert eventually(lambda: ear.of("status")[-1] == b"offline")
    ear.close()
    assert (code, "Traceback" in err) == (0, False), err


def test_a_video_is_walked_to_its_end_with_0(mosquitto, ear, demo_video):
    watch = Watch("--source", demo_video, "--timings", *on(mosquitto))
    out, err = watch.process.communicate(timeout=60)
    assert watch.process.returncode == 0, err
    assert "96 frames" in out
    kinds = [(alert["event_type"], alert["reason"]) for alert in ear.alerts()]
    assert eventually(lambda: ("end", "mask_on") in [(a["event_type"], a["reason"]) for a in ear.alerts()]), kinds


def test_alerts_raised_while_the_broker_is_away_arrive_later(tmp_path):
    """The receiver's session outlives the broker, so that nothing is missed however soon the watch is back."""
    broker = Mosquitto(tmp_path, *PERSISTENT, f"persistence_location {tmp_path}/")
    broker.start()
    receiver = Receiver(broker.port)
    assert receiver.subscribed.wait(20)
    broker.stop()
    watch = Watch("--source", "demo", "--set", "mqtt.retry_max_s=2", *on(broker))
    out = [watch.process.stdout.readline() for _ in range(3)]
    while "episode start" not in out[-1]:
        out.append(watch.process.stdout.readline())
    broker.start()
    assert eventually(lambda: [a["event_type"] for a in receiver.kept.values()][:1] == ["start"], 20)
    watch.end()
    receiver.close()
    broker.stop()


def test_the_notice_is_on_the_screen_though_there_is_no_broker(display):
    """How soon, which a busy machine decides, is measured by tests/benchmarks/notice.py."""
    port = free_port()
    watch = Watch(
        "--source", "demo", "--set", "mqtt.host=127.0.0.1", "--set", f"mqtt.port={port}", DISPLAY=display.name
    )
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(iter(watch.process.stderr.readline, "")), daemon=True)
    reader.start()
    assert eventually(lambda: any("notice on screen" in line for line in said), 40), said
    watch.process.send_signal(signal.SIGTERM)
    watch.process.wait(6)
    assert len([line for line in said if "notice on screen" in line]) == 1


@pytest.mark.parametrize("source", ["usb:63", "rtsp://127.0.0.1:9/none", "picamera"])
def test_an_absent_camera_keeps_the_service_up(mosquitto, ear, source):
    watch = Watch("--source", source, *on(mosquitto))
    assert eventually(lambda: len(ear.of("stats")) > 2, 30)
    assert watch.process.poll() is None
    assert json.loads(ear.of("stats")[-1])["camera"] == "offline"
    assert json.loads(ear.of("camera/main/health")[-1])["state"] == "offline"
    assert json.loads(ear.of("problem/camera")[-1])["text"].startswith("offline: ")
    code, _, err = watch.end()
    assert (code, "Traceback" in err) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--source", "nothing.mp4"], 66, "nothing.mp4: no such file"),
        (["--source", "{text}"], 66, "is not a video"),
        (["--source", "{empty}"], 66, "has no image"),
        (["--env", "production"], 78, "mqtt.host: is not set"),
        (["--set", "mqtt.user=u", "--set", "mqtt.password_file=/nonexistent/pw"], 78, "mqtt.password_file"),
        (["--set", "classifier.model=/nonexistent"], 65, "/nonexistent/model.toml: no such file"),
        (["--set", "mqtt.port={taken}"], 78, "is in use"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_its_exit_code(tmp_path, arguments, code, said):
    text, empty = tmp_path / "text.mp4", tmp_path / "empty"
    text.write_text("no video")
    empty.mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        names = {"text": text, "empty": empty, "taken": taken.getsockname()[1]}
        done = maskwatch("run", *[a.format(**names) for a in arguments], "--set", "device.name=x")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0


def test_settings_are_read_again_on_a_signal_and_wrong_ones_leave_the_old_in_force(tmp_path, mosquitto, ear):
    file = tmp_path / "config.toml"
    file.write_text("[device]\nsite = 'one'\n")
    watch = Watch("--source", "demo", *on(mosquitto), "--config", file)
    assert eventually(lambda: ear.of("info"), 30)
    before = json.loads(ear.of("info")[-1])["settings_sha256"]
    file.write_text("[device]\nsite = 3\n")
    watch.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: ear.of("problem/settings")[-1:] not in ([], [b""]), 20)
    assert "device.site" in json.loads(ear.of("problem/settings")[-1])["text"]
    assert ear.of("status") == [b"online"]
    file.write_text("[device]\nsite = 'two'\n")
    watch.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: json.loads(ear.of("info")[-1])["site"] == "two", 20)
    assert json.loads(ear.of("info")[-1])["settings_sha256"] not in (before, "")
    assert eventually(lambda: ear.of("problem/settings")[-1] == b"", 20)
    assert ear.of("status")[-1] == b"online"
    code, _, err = watch.end()
    assert (code, "Traceback" in err) == (0, False), err


@pytest.mark.parametrize("after_s", [0.3, 0.8, 1.5, 3.0])
def test_ctrl_c_at_any_moment_ends_without_a_traceback(after_s):
    code, err = interrupted(after_s)
    while err.startswith("Fatal Python error: init"):  # on a slow machine Python itself had not begun
        code, err = interrupted(after_s := 2 * after_s)
    assert "Traceback" not in err
    assert code in (0, 130, -signal.SIGINT), err


def interrupted(after_s: float) -> tuple[int, str]:
    """Return how a watch ends on Ctrl-C after a time, and what it prints."""
    watch = Watch("--source", "demo", "--set", f"mqtt.port={free_port()}")
    threading.Event().wait(after_s)
    code, _, err = watch.end(signal.SIGINT, 8)
    return code, err


def test_a_watch_with_the_answers_turned_round_raises_other_alerts(demo_video):
    settings = load(system_file=Path("/nonexistent")).settings
    models = parts.load_models(settings, profile="live")

    class TurnedRound:
        def classify(self, frame, boxes):
            said = models.classifier.classify(frame, boxes)
            other = {Mask.WITH_MASK: Mask.WITHOUT_MASK, Mask.WITHOUT_MASK: Mask.WITH_MASK}
            return Verdicts(said.probabilities[:, [1, 0, 2]], tuple(other.get(mask, mask) for mask in said.masks))

    def starts(classifier) -> list[tuple[int, float]]:
        from edge.capture.video import VideoSource

        changed = parts.Models(models.detector, classifier, models.specs, models.detector_px)
        stages, sink = parts.build_stages(settings, changed, Timings(), every_frame=True), fakes.KeepingSink()
        pipeline.run(VideoSource(demo_video), stages, [sink], stop=threading.Event(), beat=lambda: None)
        return [(a.track.id, round(a.raised_at, 1)) for a in sink.alerts if a.event_type.value == "start"]

    assert starts(models.classifier) != starts(TurnedRound())
    assert starts(models.classifier)
    assert starts(TurnedRound())


def test_nothing_is_left_behind_in_the_runtime_folder(tmp_path, mosquitto):
    watch = Watch("--source", "demo", *on(mosquitto), XDG_RUNTIME_DIR=str(tmp_path))
    assert eventually((tmp_path / "scene.sock").exists, 30)
    watch.end()
    assert list(tmp_path.glob("scene*")) == []


NO_LINE = """
mount -t tmpfs none /mnt
echo 'passwd: files' > /mnt/nsswitch.conf
mount --bind /mnt/nsswitch.conf /etc/nsswitch.conf
mount --bind /dev/null /etc/passwd
"""
"""A user without a line in /etc/passwd, as in a container."""
READ_ONLY = "".join(f"mount -t tmpfs -o ro none {folder}\n" for folder in ("/tmp", "/var/tmp", "/dev/shm"))
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.mark.parametrize(
    ("script", "environ"),
    [
        pytest.param(NO_LINE, {"STATE_DIRECTORY": "{state}"}, id="no home, but a service's folder"),
        pytest.param(NO_LINE, {}, id="no home and no line in passwd"),
        pytest.param(READ_ONLY, {"HOME": "{state}"}, id="no shared folder can be written"),
        pytest.param("", {"HOME": "/proc/nowhere"}, id="a home that is not there"),
        pytest.param("", ASCII, id="a terminal of ASCII"),
    ],
)
@mounts
def test_a_run_starts_whatever_is_missing_besides(script, environ, request):
    """Each ended the start with a traceback, for the sake of a folder that only viewers use, or a character."""
    state = Path("/var/lib") / f"maskwatch-{os.getpid()}"
    state.mkdir(mode=0o700)
    request.addfinalizer(lambda: shutil.rmtree(state))
    env = environment(**{key: value.format(state=state) for key, value in environ.items()})
    for name in {"HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY"} - environ.keys():
        env.pop(name, None)
    line = command("run", "--source", "demo", "--headless", "--set", f"mqtt.port={free_port()}")
    whole = ["unshare", "--mount", "sh", "-ec", f'{script}exec "$@"', "sh", *line]
    with subprocess.Popen(whole, env=env, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(iter(run.stdout.readline, "")), daemon=True)
        reader.start()
        assert eventually(lambda: any("episode start" in line for line in said) or run.poll() is not None, 40)
        run.send_signal(signal.SIGTERM)
        assert run.wait(10) == 0, "".join(said)
        reader.join(5)
    assert "Traceback" not in "".join(said)
