"""The focal length from a person at a known distance."""

from __future__ import annotations

import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.distance.calibrate import calibrate
from edge.errors import CameraError, Unavailable
from edge.settings.load import load
from edge.setup.calibration import measure
from edge.show.shared_scene import SceneServer
from tests.support import drawn, fakes
from tests.support.program import maskwatch

DICE = np.random.default_rng(3)


def test_the_focal_length_follows_from_distance_and_height():
    found = calibrate([0.074] * 40, at_m=2.0, face_height_m=0.185)
    assert found.focal_widths == pytest.approx(0.8)
    assert found.scatter == 0.0
    middle, low, high = found.fov_deg
    assert low < middle < high
    assert middle == pytest.approx(64.0, abs=0.1)


def test_its_error_is_mostly_that_of_one_persons_face():
    found = calibrate(0.074 * DICE.normal(1, 0.03, 50), at_m=2.0, face_height_m=0.185)
    assert 0.068 < found.focal_error < 0.10
    assert calibrate([0.3] * 20, at_m=0.5, face_height_m=0.185).focal_error > found.focal_error


def test_too_few_faces_are_an_error_with_the_fix():
    with pytest.raises(Unavailable, match=r"seen in 3 images.*stand alone, 2 m"):
        calibrate([0.07] * 3, at_m=2.0, face_height_m=0.185)


def test_somebody_who_walks_is_told_to_stand_still():
    with pytest.raises(Unavailable, match="stand still"):
        calibrate(list(np.linspace(0.04, 0.09, 40)), at_m=2.0, face_height_m=0.185)


def calibrated(file, source):
    """Run the command on pictures, out of sight of a maskwatch that runs on this machine already."""
    nobody = f"show.socket={file.parent / 'no.sock'}"
    return maskwatch("calibrate", "--config", file, "--wait", 0, "--set", f"camera.source={source}", "--set", nobody)


def test_the_command_measures_the_drawn_camera_and_keeps_what_the_file_said(tmp_path):
    """Twelve pictures of one person two metres away, as a camera with 66 degrees takes them."""
    for k in range(12):
        cv2.imwrite(str(tmp_path / f"{k:02}.png"), drawn.picture(drawn.Person("astronaut", 0.01 * k - 0.06, 2.0)))
    file = tmp_path / "mine.toml"
    file.write_text("# my device\n[device]\nname = 'stop-7'   # the sign says so\n")
    done = calibrated(file, tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Written to {file}" in done.stdout
    assert "distance.fov_deg = 66 agrees" in done.stdout
    text = file.read_text()
    assert text.startswith("# my device\n[device]\nname = 'stop-7'   # the sign says so\n")
    settings = load(file=file).settings
    assert settings.distance.focal_widths == pytest.approx(0.77, rel=0.1)
    assert 0.08 < settings.distance.focal_error < 0.1


def test_a_calibration_without_a_face_writes_nothing(tmp_path, demo_picture):
    file = tmp_path / "mine.toml"
    file.write_text("# nothing\n")
    done = calibrated(file, demo_picture)
    assert done.returncode == 66
    assert "a face was seen in 0 images" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]
    assert file.read_text() == "# nothing\n"


def test_a_person_in_a_no_look_zone_is_not_measured(tmp_path):
    for k in range(12):
        cv2.imwrite(str(tmp_path / f"{k:02}.png"), drawn.picture(drawn.Person("astronaut", 0.01 * k - 0.06, 2.0)))
    file = tmp_path / "mine.toml"
    file.write_text('[privacy]\nno_look = ["0.3,0 0.7,0 0.7,1 0.3,1"]\n')
    done = calibrated(file, tmp_path)
    assert done.returncode == 66
    assert "a face was seen in 0 images" in done.stderr


def test_a_running_service_provides_the_scenes(tmp_path):
    """A service has the camera, so nothing else can open it: here a stand-in that shows one person at two metres."""
    path = tmp_path / "scene.sock"
    server = SceneServer(path, max_side_px=320, status=str)
    person = replace(fakes.track(), box=(600.0, 300.0, 660.0, 300.0 + 1280 * 0.77 * 0.185 / 2))
    scene = replace(fakes.scene((person,)), frame=fakes.frame(image=fakes.picture(size_px=drawn.SIZE_PX)))
    stop = threading.Event()

    def show() -> None:
        while not stop.wait(0.05):
            server.put(scene)

    shower = threading.Thread(target=show)
    shower.start()
    settings = load(overrides=[f"show.socket={path}", "camera.source=usb:77"], system_file=tmp_path / "none").settings
    try:
        found = measure(settings, at_m=2.0, wait_s=0.0, duration_s=2.0)
    finally:
        stop.set()
        shower.join()
        server.close()
    assert found.focal_widths == pytest.approx(0.77, rel=0.01)


def test_an_absent_camera_is_an_error_by_its_name(tmp_path):
    nobody = f"show.socket={tmp_path / 'no.sock'}"
    settings = load(overrides=["camera.source=usb:77", nobody], system_file=tmp_path / "none").settings
    with pytest.raises(CameraError, match="usb:77: offline"):
        measure(settings, at_m=2.0, wait_s=0.0, duration_s=1.5)
