"""Privacy of the whole service: what is seen, published and sent under each setting."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from edge.capture import CameraImage
from edge.capture.preprocess import PreparedCamera, preparation
from edge.privacy.zones import PrivacyZones
from edge.settings.load import load
from tests.support import fakes
from tests.support.contract import Contract, OpenEar
from tests.support.demo import DETECTOR, frame
from tests.support.fakes import eventually
from tests.support.program import maskwatch
from tests.support.service import Watch, on

EVERYTHING = '["0,0 1,0 1,1 0,1"]'
TOP = "maskwatch/1/stop-7"


def test_a_watch_that_only_counts_raises_no_alert_shows_no_picture_and_keeps_nothing(mosquitto, tmp_path):
    homes = {name: str(tmp_path / "home") for name in ("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")}
    (tmp_path / "home").mkdir()
    ear = OpenEar(mosquitto.port)
    least = ("--set", "privacy.aggregate_min=1", "--set", "privacy.aggregate_s=60")
    counting = ("--set", "privacy.aggregate=true", "--set", "mqtt.snapshot=true", "--set", "mqtt.outbox=")
    watch = Watch("--source", "demo", *on(mosquitto), *counting, *least, **homes)
    assert eventually(lambda: ear.of(f"{TOP}/camera/main/aggregate"), 90)
    kept = {path.suffix: path for path in (tmp_path / "home").rglob("*") if not path.is_dir()}
    assert {path.name.partition("-")[0] for path in kept.values()} == {"announced"}, "no socket for viewers, no outbox"
    assert kept.keys() == {".json", ".lock"}
    assert kept[".lock"].read_bytes() == b""
    topics = {topic for topics in json.loads(kept[".json"].read_text()).values() for topic in topics}
    assert {topic for topic in topics if not topic.startswith(f"{TOP}/")} == set(), "the names of topics alone"
    code, out, err = watch.end()
    ear.close()
    assert (code, "Traceback" in err) == (0, False), err
    assert "episode" not in out
    topics = {heard.topic.removeprefix(f"{TOP}/") for heard in ear.heard if heard.payload}
    camera = {"camera/main/status", "camera/main/health", "camera/main/aggregate"}
    assert topics == {"status", "info", "stats", "model/active"} | camera
    assert ear.faults(Contract()) == []
    assert json.loads(ear.of(f"{TOP}/camera/main/aggregate")[0])["people"] >= 2


def test_a_snapshot_is_a_picture_in_which_nobody_can_be_found(mosquitto):
    ear = OpenEar(mosquitto.port)
    watch = Watch("--source", "demo", *on(mosquitto), "--set", "mqtt.snapshot=true")
    assert eventually(lambda: len(ear.of(f"{TOP}/camera/main/snapshot")) > 5, 40)
    watch.end()
    ear.close()
    assert ear.faults(Contract()) == []
    for jpeg in ear.of(f"{TOP}/camera/main/snapshot"):
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture.std() > 20
        assert len(DETECTOR.detect(frame(picture))) == 0


def test_nobody_in_a_zone_is_seen_by_a_watch(mosquitto, demo_video):
    ear = OpenEar(mosquitto.port)
    watch = Watch("--source", demo_video, *on(mosquitto), "--set", f"privacy.no_look={EVERYTHING}")
    assert watch.process.wait(60) == 0
    assert eventually(lambda: ear.of(f"{TOP}/status")[-1:] == [b"offline"])
    ear.close()
    assert ear.of(f"{TOP}/camera/main/alert") == []
    assert {sum(json.loads(c)["faces"].values()) for c in ear.of(f"{TOP}/camera/main/count")} == {0}


def test_nobody_in_a_zone_is_seen_in_pictures_and_videos(tmp_path, demo_scenes, demo_video):
    picture = tmp_path / "p.png"
    cv2.imwrite(str(picture), next(iter(demo_scenes.values())))
    for path in (picture, demo_video):
        plain = faces_of(path)
        assert plain
        assert faces_of(path, "--set", f"privacy.no_look={EVERYTHING}") == 0


def faces_of(path: Path, *more: str) -> int:
    done = maskwatch("detect", path, "--json", "-", "--every", "2", *more)
    return sum(len(json.loads(line)["faces"]) for line in done.stdout.splitlines())


def test_both_sizes_of_a_cameras_picture_are_painted_and_a_damaged_one_is_passed_on():
    small, large = fakes.picture(90, (64, 48)), fakes.picture(90, (640, 480))

    class TwoStreams(fakes.FakeCamera):
        def read(self):
            picture = super().read()
            return picture and CameraImage(picture.image, small)

    inner = TwoStreams([large, None])
    zones = PrivacyZones(["0,0 1,0 1,0.5 0,0.5"])
    camera = PreparedCamera(lambda: inner, preparation(load(system_file=Path("/nonexistent")).settings.camera, zones))
    picture = camera.read()
    assert (picture.image[:238] == 0).all()
    assert (picture.image[242:] == 90).all()
    assert (picture.small[:23] == 0).all()
    assert camera.read() is None
    camera.close()
    assert inner.closed
