"""The examples, run as a reader runs them: from another folder, on files of their own."""

from __future__ import annotations

import json
import re
import select
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from edge.publish.broker import Broker
from edge.publish.message import Message
from edge.publish.mqtt import ONLINE, MqttLink
from tests.support.fakes import eventually
from tests.support.messages import PAYLOAD
from tests.support.program import ROOT, environment

EXAMPLES = ROOT / "examples"


def example(name: str, *arguments: object, cwd: Path) -> list[str]:
    """Run an example to its end and return the lines that it prints."""
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_every_example_is_run_by_a_test():
    run = set(re.findall(r'EXAMPLES / "(\w+\.py)"|example\("(\w+\.py)"', Path(__file__).read_text()))
    assert {path.name for path in EXAMPLES.glob("*.py")} == {name for pair in run for name in pair} - {""}
    packages = {path.parent.name for path in EXAMPLES.glob("*/pyproject.toml")}
    built = set(re.findall(r'"(own_\w+)"', (ROOT / "tests/test_plugins.py").read_text()))
    assert packages <= built


def test_an_image_is_classified_face_by_face(tmp_path, demo_picture):
    lines = example("classify_image.py", demo_picture, cwd=tmp_path)
    assert sorted(re.findall(r": (\w+) [01]\.\d\d at \d+,\d+ to \d+,\d+", "\n".join(lines))) == [
        "with_mask",
        "without_mask",
    ]


def test_a_video_gives_its_alerts_and_how_many_people_were_in_sight(tmp_path, demo_video):
    *alerts, last = example("classify_video.py", demo_video, cwd=tmp_path)
    assert re.fullmatch(r"\d+\.\d s: start without_mask, person \d+", alerts[0])
    assert re.fullmatch(r"\d+\.\d s: end without_mask, person \d+", alerts[-1])
    assert last.startswith("in sight: {")


def test_alerts_are_printed_as_they_come_and_ctrl_c_ends_it(mosquitto):
    where = ["mqtt.host=127.0.0.1", f"mqtt.port={mosquitto.port}"]
    listener = subprocess.Popen(
        [sys.executable, EXAMPLES / "listen_to_alerts.py", *where],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    device = MqttLink(Broker("127.0.0.1", mosquitto.port, "device"))
    device.start()
    assert eventually(lambda: device.state == ONLINE)
    sent = 0

    def send() -> bool:
        """Send one more alert: nothing tells when the listener has subscribed."""
        nonlocal sent
        sent += 1
        payload = json.dumps({**json.loads(PAYLOAD), "seq": sent}).encode()
        device.send(Message("maskwatch/1/stop-7/camera/main/alert", payload, 1))
        return bool(select.select([listener.stdout], [], [], 0.5)[0])

    assert eventually(send, 30)
    assert re.fullmatch(r"stop-7/main start without_mask \d\.\d\d\n", listener.stdout.readline())
    listener.send_signal(signal.SIGINT)
    _, errors = listener.communicate(timeout=20)
    assert (listener.returncode, errors) == (0, "")
    device.close()


def test_the_script_of_the_readme_does_what_it_shows(tmp_path, demo_picture):
    _, _, section = (ROOT / "README.md").read_text().partition("## From Python\n\n")
    script = textwrap.dedent(section.partition("\n\n")[0])
    shutil.copy(demo_picture, tmp_path / "photo.jpg")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Mask.") == 2
