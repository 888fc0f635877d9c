"""`maskwatch run --once`: one sample, one count that the broker has acknowledged, and an exit code."""

from __future__ import annotations

import json

import pytest

from tests.support.contract import Contract, OpenEar, validator
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.program import maskwatch
from tests.support.service import on

TOPIC = "maskwatch/1/stop-7/camera/main/count"
NAME = ("--set", "device.name=stop-7")


def test_one_sample_is_one_count_and_nothing_else(mosquitto: Mosquitto, street, tmp_path):
    ear = OpenEar(mosquitto.port)
    done = maskwatch("run", "--once", "--source", street, *NAME, *on(mosquitto), XDG_STATE_HOME=str(tmp_path))
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert eventually(lambda: ear.of(TOPIC))
    assert [heard.topic for heard in ear.heard] == [TOPIC]
    (heard,) = ear.heard
    assert (heard.retain, Contract().row(TOPIC)["retain"]) == (True, True)
    count = json.loads(heard.payload)
    assert list(validator("count.json").iter_errors(count)) == []
    assert json.loads(done.stdout) == count
    assert count["faces"]["without_mask"] == 1
    assert list(tmp_path.rglob("outbox*")) == [], "no outbox is opened"
    ear._client.disconnect()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["--source", "usb:63", "--set", "camera.open_timeout_s=0", "--set", "camera.read_timeout_s=0"],
            66,
            "usb:63: no",
        ),
        (["--source", "demo", "--set", "mqtt.port={closed}"], 66, "the count was not delivered"),
        (["--source", "demo", "--set", "mqtt.host=embedded"], 78, "mqtt.host: embedded"),
        (["--source", "demo", "--set", "privacy.aggregate=true"], 78, "privacy.aggregate"),
        (["--source", "demo", "--env", "production"], 78, "camera.source: demo"),
    ],
)
def test_without_camera_or_broker_it_ends_with_one_sentence(arguments, code, words, mosquitto):
    closed = free_port()
    done = maskwatch("run", "--once", *NAME, *on(mosquitto), *[part.format(closed=closed) for part in arguments])
    assert done.returncode == code, done.stderr
    assert words in done.stderr.splitlines()[-1]
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
