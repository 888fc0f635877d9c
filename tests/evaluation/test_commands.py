"""`maskwatch evaluate` and `maskwatch compare`, as a user types them, on images of the demo."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from edge import paths
from tests.support.program import maskwatch

HEADS = ((235, 255, 115, 145), (600, 245, 140, 165))
WORN = {20.0: ("with_mask", "without_mask"), 15.0: ("with_mask", "with_mask"), 11.0: ("incorrect_mask", "with_mask")}
MASK, LIVE, QUALITY = (paths.models() / name for name in ("mask", "face/live", "face/quality"))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory, demo_scenes):
    """Return a dataset of three scenes with two people each."""
    folder = tmp_path_factory.mktemp("scenes")
    lines = []
    for at, labels in WORN.items():
        cv2.imwrite(str(folder / f"{at}.png"), demo_scenes[at])
        boxes = [[*head, label] for head, label in zip(HEADS, labels, strict=True)]
        lines.append(json.dumps({"file": f"{at}.png", "boxes": boxes}) + "\n")
    (folder / "boxes.jsonl").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def unsure_model(tmp_path_factory):
    """Return the mask model that ships with a threshold at which every verdict is unsure."""
    folder = tmp_path_factory.mktemp("unsure") / "mask"
    shutil.copytree(MASK, folder)
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(
        "\n".join("confidence = 1.01" if x.startswith("confidence") else x for x in text.splitlines())
    )
    return folder


def test_evaluate_counts_faces_verdicts_and_intervals(tmp_path, scenes):
    out, rows, plot = tmp_path / "e.json", tmp_path / "e.jsonl", tmp_path / "e.png"
    done = maskwatch("evaluate", scenes, "--json", out, "--rows", rows, "--plot", plot)
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads(out.read_text())
    assert (figures["pictures"], figures["faces"], figures["pictures_unreadable"]) == (3, 6, 0)
    assert figures["face_ap"]["value"] == 1
    right = figures["right_end_to_end"]
    assert right["value"] == pytest.approx(1)
    assert right["low"] < 0.7 < right["high"]
    assert figures["confusion"]["without_mask"]["without_mask"] == 1
    assert sum(part["n"] for part in figures["reliability"]) == 6
    assert figures["models"]["face"]["name"] == "centerface-quality"
    assert "right end to end" in done.stdout
    assert len(rows.read_text().splitlines()) == 3
    assert cv2.imread(str(plot)).shape[2] == 3


def test_evaluate_uses_the_profile_and_the_model_that_the_settings_name(tmp_path, scenes, unsure_model):
    out = tmp_path / "e.json"
    named = ("--set", "detector.profile=live", "--set", f"classifier.model={unsure_model}")
    assert maskwatch("evaluate", scenes, "--json", out, *named).returncode == 0
    figures = json.loads(out.read_text())
    assert figures["models"]["face"]["name"] == "centerface-small"
    assert figures["unsure_share"]["value"] == 1


def test_evaluate_has_rows_by_pose_and_by_kind(tmp_path, scenes):
    rows = [
        json.loads(line) | {"kinds": ["poster", None]} for line in (scenes / "boxes.jsonl").read_text().splitlines()
    ]
    (tmp_path / "boxes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for row in rows:
        shutil.copy(scenes / row["file"], tmp_path)
    done = maskwatch("evaluate", tmp_path, "--json", tmp_path / "e.json")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "e.json").read_text())
    assert figures["by_kind"].keys() == {"poster"}
    assert figures["by_kind"]["poster"]["face_recall"]["value"] == 1
    assert figures["by_kind"]["poster"]["faces"] == 3
    assert figures["by_pose"]["frontal"]["faces"] == 6
    assert "found, frontal" in done.stdout
    assert "right end to end, poster" in done.stdout


def test_every_face_in_images_of_nobody_is_false(tmp_path, scenes):
    shutil.copy(scenes / "20.0.png", tmp_path)
    done = maskwatch("evaluate", tmp_path, "--empty", "--json", tmp_path / "e.json")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "e.json").read_text())
    assert (figures["pictures"], figures["faces"]) == (1, 0)
    assert (figures["false_faces_per_picture"], figures["false_faces_called_bare_per_picture"]) == (2, 1)
    assert "of these without_mask" in done.stdout


@pytest.fixture(scope="module")
def clip(tmp_path_factory, demo_scenes):
    """Return the truth file of a clip of three seconds: one person with a mask, and one without."""
    folder = tmp_path_factory.mktemp("clips")
    height, width = demo_scenes[20.0].shape[:2]
    writer = cv2.VideoWriter(str(folder / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (width, height))
    for _ in range(30):
        writer.write(demo_scenes[20.0])
    writer.release()
    x, y, w, h = HEADS[1]
    (folder / "clips.toml").write_text(
        f'[[clip]]\nfile = "a.avi"\n[[clip.bare]]\nfrom_s = 0\nto_s = 3\nbox = [{x}, {y}, {w}, {h}]\n'
    )
    return folder / "clips.toml"


@pytest.mark.parametrize("rate", [(), ("--rate", 5)])
def test_evaluate_counts_the_starts_in_a_clip(tmp_path, clip, rate):
    out = tmp_path / "e.json"
    done = maskwatch("evaluate", clip.parent, "--json", out, *rate)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert figures["rule"]["rate_hz"] == (5 if rate else None)
    (row,) = figures["clips"]
    assert (row["expected"], row["raised"], row["met"], row["false"]) == (1, 1, 1, 0)
    assert row["ends"] == {"stopped": 1}
    assert figures["sum"]["latency_s"]["median"] < 1
    assert "0.0 false starts per hour" in done.stdout


def test_evaluate_reports_a_clip_that_is_no_video_before_it_begins(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    (tmp_path / "clips.toml").write_text('[[clip]]\nfile = "a.mp4"\n')
    done = maskwatch("evaluate", tmp_path)
    assert done.returncode == 66
    assert "a.mp4: is not a video" in done.stderr


def test_evaluate_can_remove_the_colours(tmp_path, scenes):
    rows = [tmp_path / "plain.jsonl", tmp_path / "grey.jsonl"]
    for path, colour in zip(rows, ("plain", "grey"), strict=True):
        assert maskwatch("evaluate", scenes, "--rows", path, "--colour", colour).returncode == 0
    assert rows[0].read_text() != rows[1].read_text()


def test_an_image_that_cannot_be_read_is_reported_and_its_faces_are_missed(tmp_path, scenes):
    (tmp_path / "d").mkdir()
    shutil.copy(scenes / "20.0.png", tmp_path / "d" / "good.png")
    (tmp_path / "d" / "bad.png").write_bytes(b"no picture")
    box = [*HEADS[1], "without_mask"]
    (tmp_path / "d" / "boxes.jsonl").write_text(
        "".join(
            json.dumps({"file": name, "boxes": [box], "labels_complete": False}) + "\n"
            for name in ("good.png", "bad.png")
        )
    )
    done = maskwatch("evaluate", tmp_path / "d", "--json", tmp_path / "e.json")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "bad.png: is not an image" in done.stderr
    figures = json.loads((tmp_path / "e.json").read_text())
    assert (figures["pictures_unreadable"], figures["unmasked_recall"]["value"]) == (1, 0.5)


def test_one_folder_per_label_is_a_dataset_too(tmp_path, demo_scenes):
    for label, at, columns in (("with_mask", 15.0, slice(0, 480)), ("without_mask", 20.0, slice(480, 960))):
        (tmp_path / label).mkdir()
        cv2.imwrite(str(tmp_path / label / "a.png"), demo_scenes[at][:, columns])
    done = maskwatch("evaluate", tmp_path, "--json", "-")
    assert done.returncode == 0
    figures = json.loads(done.stdout)
    assert figures["right_end_to_end"]["value"] == 1
    assert "face_ap" not in figures


def test_a_model_does_not_differ_from_itself(tmp_path, scenes):
    out = tmp_path / "c.json"
    done = maskwatch("compare", MASK, MASK, scenes, "--json", out)
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads(out.read_text())
    assert (figures["kind"], figures["faces"], figures["disagree"]) == ("mask", 6, 0)
    assert figures["mcnemar"] == {"only_a": 0, "only_b": 0, "p": 1.0}
    assert figures["figures"]["right_end_to_end"]["difference"] == 0


def test_a_worse_mask_model_shows_in_figures_and_on_the_sheet(tmp_path, scenes, unsure_model):
    out, sheet = tmp_path / "c.json", tmp_path / "c.png"
    done = maskwatch("compare", MASK, unsure_model, scenes, "--json", out, "--sheet", sheet)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert figures["disagree"] == 6
    row = figures["figures"]["right_end_to_end"]
    assert (row["a"], row["b"], row["difference"], row["low"], row["high"]) == (1, 0, -1, -1, -1)
    assert figures["mcnemar"] == {"only_a": 6, "only_b": 0, "p": 0.0312}
    image = cv2.imread(str(sheet))
    assert image.shape[1] >= 6 * 140
    assert len(np.unique(image)) > 50


def test_two_detectors_are_compared_on_the_same_images(tmp_path, scenes):
    out = tmp_path / "c.json"
    assert maskwatch("compare", LIVE, QUALITY, scenes, "--json", out, "--sheet", tmp_path / "s.png").returncode == 0
    figures = json.loads(out.read_text())
    assert figures["kind"] == "face"
    assert figures["figures"]["face_ap"] == {"a": 1, "b": 1, "difference": 0, "low": 0, "high": 0}
    assert cv2.imread(str(tmp_path / "s.png")) is not None, "even if there is nothing to show"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["evaluate", "{empty}"], 66, "has no labelled images"),
        (["evaluate", "{empty}/none"], 66, "no such folder"),
        (["evaluate", "{empty}", "--empty"], 66, "has no image"),
        (["evaluate", "{scenes}", "--json", "/nonexistent/e.json"], 78, "/nonexistent/e.json: cannot be written"),
        (["evaluate", "{scenes}", "--plot", "{empty}/curve.txt"], 78, "use the extension .png or .jpg"),
        (["evaluate", "{scenes}", "--colour", "blue"], 2, "--colour"),
        (["evaluate", "{scenes}", "--rate", "5"], 2, "--rate is for videos"),
        (["evaluate", "{scenes}/none.toml", "--plot", "a.png"], 2, "--plot is for images"),
        (["evaluate", "{scenes}/none.toml"], 66, "none.toml: cannot be read: No such file or directory"),
        (["compare", MASK, QUALITY, "{scenes}"], 65, "compare two of one kind"),
        (["compare", MASK, "{empty}", "{scenes}"], 65, "model.toml: no such file"),
        (["compare", LIVE, QUALITY, "{crops}"], 66, "face models are compared on boxes"),
        (["compare", MASK, MASK], 2, "Missing argument"),
    ],
)
def test_bad_input_gives_one_sentence_and_its_exit_code(tmp_path, scenes, arguments, code, message):
    crops = tmp_path / "crops"
    (crops / "with_mask").mkdir(parents=True)
    shutil.copy(scenes / "15.0.png", crops / "with_mask")
    empty = tmp_path / "empty"
    empty.mkdir()
    done = maskwatch(*[str(a).format(empty=empty, scenes=scenes, crops=crops) for a in arguments])
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
