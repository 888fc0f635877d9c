"""`maskwatch detect`, as a user types it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import command, environment, maskwatch


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_picture_gives_one_json_line_with_its_faces(tmp_path, demo_picture):
    out = tmp_path / "faces.jsonl"
    done = maskwatch("detect", demo_picture, "--json", out)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = rows(out)
    assert (row["source"], row["frame"], row["width"], row["height"]) == (str(demo_picture), 0, 960, 540)
    faces = sorted(row["faces"], key=lambda face: face["box"][0])
    assert [face["label"] for face in faces] == ["with_mask", "without_mask"]
    assert set(faces[0]) == {"box", "score", "label", "confidence", "probs"}
    assert sum(faces[0]["probs"].values()) == pytest.approx(1, abs=1e-4)
    assert faces[0]["confidence"] == max(faces[0]["probs"].values())


def test_without_a_wish_it_prints_a_line_for_a_person(demo_picture):
    done = maskwatch("detect", demo_picture)
    assert done.returncode == 0
    assert "with_mask" in done.stdout
    assert "without_mask" in done.stdout


def test_every_frame_of_a_video_has_the_raw_label_and_the_tracks(tmp_path, demo_video):
    out, alerts = tmp_path / "v.jsonl", tmp_path / "alerts.jsonl"
    assert maskwatch("detect", demo_video, "--json", out, "--alerts", alerts).returncode == 0
    frames = rows(out)
    assert [row["frame"] for row in frames] == list(range(96))
    assert frames[6]["t_s"] == pytest.approx(1.0)
    last = [face for face in frames[-1]["faces"] if face["box"][0] < 400]
    assert last[0]["track_label"] == "with_mask"
    told = rows(alerts)
    assert (told[0]["event_type"], told[0]["seq"]) == ("start", 0)
    assert told[-1]["event_type"] == "end"
    starts = [row["event_id"] for row in told if row["event_type"] == "start"]
    assert sorted(starts) == sorted(row["event_id"] for row in told if row["event_type"] == "end")


def test_every_looks_at_one_frame_in_so_many_seconds(tmp_path, demo_video):
    out = tmp_path / "v.jsonl"
    assert maskwatch("detect", demo_video, "--json", out, "--every", 2).returncode == 0
    assert [row["frame"] for row in rows(out)] == [0, 12, 24, 36, 48, 60, 72, 84]


def test_csv_has_one_line_a_face_and_annotate_draws_each_picture(tmp_path, demo_picture):
    table, drawn = tmp_path / "faces.csv", tmp_path / "drawn"
    assert maskwatch("detect", demo_picture, "--csv", table, "--annotate", drawn).returncode == 0
    lines = list(csv.DictReader(table.open()))
    assert {line["label"] for line in lines} == {"with_mask", "without_mask"}
    image = cv2.imread(str(drawn / "street.jpg"))
    assert (image != cv2.imread(str(demo_picture))).any()


def test_a_folder_goes_on_past_a_bad_picture_and_ends_with_1(tmp_path, demo_picture):
    shutil.copy(demo_picture, tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    out = tmp_path / "out.jsonl"
    done = maskwatch("detect", tmp_path, "--json", out)
    assert done.returncode == 1
    assert [Path(row["source"]).name for row in rows(out)] == ["good.png"]
    assert done.stderr.count("\n") == 1
    assert "bad.jpg: is no picture" in done.stderr


@pytest.mark.parametrize("shape", [(1, 1, 3), (30, 12_000, 3), (50, 50), (50, 50, 4)])
def test_odd_pictures_are_judged_without_a_word(tmp_path, shape):
    cv2.imwrite(str(tmp_path / "odd.png"), np.full(shape, 128, np.uint8))
    done = maskwatch("detect", tmp_path / "odd.png", "--json", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["faces"] == []


def test_boxes_are_in_pixels_of_the_picture_after_its_exif_rotation(tmp_path, demo_scenes):
    from tests.capture.test_files import with_orientation

    upright = tmp_path / "upright.jpg"
    cv2.imwrite(str(upright), demo_scenes[20.0])
    turned = tmp_path / "turned.jpg"
    cv2.imwrite(str(turned), cv2.rotate(demo_scenes[20.0], cv2.ROTATE_90_COUNTERCLOCKWISE))
    with_orientation(turned, 6)
    out = tmp_path / "o.jsonl"
    assert maskwatch("detect", upright, turned, "--json", out).returncode == 0
    first, second = rows(out)
    assert (second["width"], second["height"]) == (960, 540)
    boxes = [np.array(sorted(face["box"] for face in row["faces"])) for row in (first, second)]
    assert np.abs(boxes[0] - boxes[1]).max() < 12


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing.jpg"], 66, "nothing.jpg: no such file"),
        ([], 2, "Missing argument"),
        (["{picture}", "--every", "-1"], 2, "--every"),
        (["{picture}", "--json", "/nonexistent/x.jsonl"], 78, "/nonexistent/x.jsonl: cannot be written"),
        (["{empty}"], 66, "holds no picture and no video"),
        (["{picture}", "--set", "detector.profil=live"], 78, "did you mean 'profile'"),
        (["{picture}", "--config", "none.toml"], 78, "none.toml: cannot be read"),
        (["{picture}", "--env", "prod"], 2, "--env"),
    ],
)
def test_bad_input_gets_one_sentence_and_its_exit_code(tmp_path, demo_picture, arguments, code, said):
    filled = [a.format(picture=demo_picture, empty=tmp_path) for a in arguments]
    done = maskwatch("detect", *filled)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_appears_when_it_is_whole_and_not_before(tmp_path, demo_video):
    import signal
    import time

    out = tmp_path / "v.jsonl"
    process = subprocess.Popen(command("detect", demo_video, "--json", out), env=environment(), stderr=subprocess.PIPE)
    while not list(tmp_path.glob(".v.jsonl.part")):
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_ends_it_quietly(demo_video):
    line = " ".join(command("detect", demo_video, "--json", "-")) + " | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, env=environment(), check=False, timeout=60)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
