"""The Python API, as a script uses it."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from packaging.version import Version

import edge
from tests.support.needs import lack
from tests.support.program import ROOT, environment, maskwatch


def python(code: str, cwd: Path | str = "/", **more: str) -> str:
    """Run a script on its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def models():
    return edge.load_models()


def test_importing_edge_loads_neither_opencv_nor_a_runtime_nor_anything_else_of_others():
    heavy = "{'cv2', 'numpy', 'pydantic', 'ai_edge_litert', 'tflite_runtime', 'edge.api'}"
    assert python(f"import edge, sys; print(sorted({heavy} & set(sys.modules)))") == "[]\n"


def test_every_public_name_is_there_and_has_a_docstring():
    for name in edge.__all__:
        assert getattr(edge, name) is not None
        assert name in dir(edge)
    for name in ("load_models", "load_settings", "classify", "watch", "Face"):
        assert getattr(edge, name).__doc__


def test_an_unknown_name_is_refused_as_by_any_module():
    with pytest.raises(AttributeError, match="module 'edge' has no attribute 'clasify'"):
        _ = edge.clasify


@pytest.mark.parametrize("first", ["edge.classify.vote", "edge.classify", "edge.stages", "edge.api"])
def test_edge_classify_is_the_function_whatever_was_imported_before(first):
    """The stage that classifies is a package of the same name, which an import would put in the function's place."""
    code = f"import {first}, sys, edge; from edge.classify import Classifier; print(edge.classify.__module__)"
    assert python(code) == "edge.api\n"


def test_an_image_gives_the_faces_that_the_command_gives(demo_picture, models):
    done = maskwatch("detect", demo_picture, "--json", "-")
    expected = json.loads(done.stdout)["faces"]
    faces = edge.classify(demo_picture, models)
    assert [list(face.box) for face in faces] == [face["box"] for face in expected]
    assert [face.mask.value for face in faces] == [face["label"] for face in expected]
    assert [face.confidence for face in faces] == [face["confidence"] for face in expected]
    assert [list(face.probabilities) for face in faces] == [list(face["probs"].values()) for face in expected]
    assert {face.mask for face in faces} == {edge.Mask.WITH_MASK, edge.Mask.WITHOUT_MASK}


def test_a_path_as_text_and_an_array_of_the_same_image_give_the_same(demo_picture, models):
    image = cv2.imread(str(demo_picture))
    assert edge.classify(image, models) == edge.classify(str(demo_picture), models)
    assert edge.classify(image[:, ::-1], models), "a mirrored view is no block of memory"


def test_the_array_of_the_caller_stays_writable_and_unchanged(demo_scenes, models):
    image = demo_scenes[20.0].copy()
    edge.classify(image, models)
    assert image.flags.writeable
    assert (image == demo_scenes[20.0]).all()


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_an_array_that_is_no_image_is_refused_with_its_shape(image, models):
    with pytest.raises(ValueError, match=r"image is .*, expected uint8 \(H, W, 3\) in BGR order"):
        edge.classify(image, models)


def test_a_file_that_is_absent_or_no_image_is_named(tmp_path, models):
    with pytest.raises(edge.InputError, match=r"absent\.jpg: no such file"):
        edge.classify(tmp_path / "absent.jpg", models)
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(edge.CameraError, match=r"text\.jpg: is not an image"):
        edge.classify(tmp_path / "text.jpg", models)


def test_models_of_another_folder_are_named_where_they_are_absent(tmp_path):
    with pytest.raises(edge.ModelError, match=r"model\.toml: no such file"):
        edge.load_models(mask=str(tmp_path))


def test_a_video_gives_the_tracks_and_alerts_that_the_command_gives(tmp_path, demo_video):
    out, alerts = tmp_path / "rows.jsonl", tmp_path / "alerts.jsonl"
    maskwatch("detect", demo_video, "--json", out, "--alerts", alerts)
    scenes = list(edge.watch(demo_video))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    frames = [scene for scene in scenes if scene.frame is not None]
    assert [scene.frame.seq for scene in frames] == [row["frame"] for row in rows]
    seen = [{(track.id, track.mask.value) for track in scene.visible} for scene in frames]
    assert seen == [{(face["track_id"], face["track_label"]) for face in row["faces"]} for row in rows]
    raised = [(alert.event_type.value, alert.seq, alert.raised_at) for scene in scenes for alert in scene.alerts]
    written = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert [(event, seq, round(at, 3)) for event, seq, at in raised] == [
        (row["event_type"], row["seq"], row["t_s"]) for row in written
    ]
    assert raised
    assert scenes[-1].frame is None
    assert scenes[-1].episodes == ()


def test_a_camera_gives_scenes_until_the_caller_leaves_and_is_closed_then():
    before = threading.active_count()
    scenes = edge.watch("demo")
    scene = next(scene for scene in scenes if scene.visible)
    assert scene.frame.size_px == (960, 540)
    scenes.close()
    assert threading.active_count() == before


def test_what_lies_in_a_privacy_zone_is_seen_by_no_script(demo_picture):
    everything = edge.load_settings(overrides=['privacy.no_look=["0,0 1,0 1,1 0,1"]'])
    scenes = list(edge.watch(demo_picture, settings=everything))
    assert [scene.tracks for scene in scenes] == [(), ()]
    assert not scenes[0].frame.image.any()


def test_a_source_that_is_absent_or_wrong_is_named(tmp_path):
    with pytest.raises(edge.InputError, match=r"absent\.mp4: no such file"):
        next(edge.watch(tmp_path / "absent.mp4"))
    with pytest.raises(edge.ConfigError, match=r"source: camera\.source: "):
        edge.watch("")


def test_settings_are_those_that_ship_with_a_file_and_overrides_over_them(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text("[alert]\ndwell_s = 3.0\nclear_s = 4.0\n")
    rule = edge.load_settings(file, ["alert.clear_s=5.0"]).alert
    assert (rule.dwell_s, rule.clear_s) == (3.0, 5.0)
    with pytest.raises(edge.ConfigError, match="did you mean 'dwell_s'"):
        edge.load_settings(overrides=["alert.dwel_s=1.0"])


def test_a_type_checker_knows_the_names_and_their_types(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        'import edge\nfor face in edge.classify("photo.jpg", edge.load_models()):\n    reveal_type(face.mask)\n'
        'for scene in edge.watch("clip.mp4"):\n    reveal_type(scene.alerts)\nedge.clasify\n'
    )
    arguments = [sys.executable, "-m", "mypy", "--strict", str(script)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'Revealed type is "edge.data.Mask"' in done.stdout
    assert "tuple[edge.data.Alert, ...]" in done.stdout
    assert 'Module has no attribute "clasify"' in done.stdout


def builds_wheels() -> bool:
    """Return whether this Python has what builds a wheel without the network."""
    try:
        return Version(importlib.metadata.version("setuptools")) >= Version("70.1")
    except importlib.metadata.PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Return a folder that a wheel of the product is installed into; the wheel is built of a copy of its sources."""
    if not builds_wheels():
        lack("setuptools is absent or older than 70.1; fix: .venv/bin/python -m pip install --editable '.[test]'")
    folder = tmp_path_factory.mktemp("installed")
    sources, site = folder / "sources", folder / "site"
    for name in ("edge", "models", "config"):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__", "train"))
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, sources)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, sources]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", site, wheel], check=True, capture_output=True
    )
    shutil.rmtree(sources)
    return site


def from_the_root_folder(code: str, installed: Path, *arguments: object) -> list[str]:
    """Run a script on an installed wheel at /, where no clone is, and return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd="/",
        env=environment(PYTHONPATH=str(installed)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_an_installed_wheel_classifies_an_image_and_an_array_and_is_typed(installed, demo_picture):
    code = (
        "import cv2, edge, sys; print(edge.__file__)\n"
        "models, path = edge.load_models(), sys.argv[1]\n"
        "faces = edge.classify(path, models)\n"
        "assert edge.classify(cv2.imread(path), models) == faces\n"
        "for face in faces: print(face.mask.value)"
    )
    where, *masks = from_the_root_folder(code, installed, demo_picture)
    assert where == str(installed / "edge" / "__init__.py")
    assert sorted(masks) == ["with_mask", "without_mask"]
    assert (installed / "edge" / "py.typed").exists()


def test_an_installed_wheel_yields_tracks_and_alerts_of_a_video(installed, demo_video):
    code = (
        "import edge, sys\n"
        "for scene in edge.watch(sys.argv[1]):\n"
        "    for track in scene.visible: print('track', track.id)\n"
        "    for alert in scene.alerts: print(alert.event_type.value, alert.episode.value)"
    )
    lines = from_the_root_folder(code, installed, demo_video)
    assert "track 1" in lines
    alerts = [line for line in lines if not line.startswith("track")]
    assert (alerts[0], alerts[-1]) == ("start without_mask", "end without_mask")
