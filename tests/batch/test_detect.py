"""`maskwatch detect`, as a user types it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.batch.outputs import remove_drafts
from edge.capture.video import VideoSource
from tests.support.fakes import eventually
from tests.support.films import X264, ffmpeg, film
from tests.support.program import command, environment, maskwatch


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_image_gives_one_json_line_with_its_faces(tmp_path, demo_picture):
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


def test_without_options_it_prints_a_line_for_a_person(demo_picture):
    done = maskwatch("detect", demo_picture)
    assert done.returncode == 0
    assert "with_mask" in done.stdout
    assert "without_mask" in done.stdout


def test_every_frame_of_a_video_has_the_raw_label_and_the_label_of_the_track(tmp_path, demo_video):
    out, alerts = tmp_path / "v.jsonl", tmp_path / "alerts.jsonl"
    assert maskwatch("detect", demo_video, "--json", out, "--alerts", alerts).returncode == 0
    frames = rows(out)
    assert [row["frame"] for row in frames] == list(range(96))
    assert frames[6]["t_s"] == pytest.approx(1.0)
    last = [face for face in frames[-1]["faces"] if face["box"][0] < 400]
    assert last[0]["track_label"] == "with_mask"
    raised = rows(alerts)
    assert (raised[0]["event_type"], raised[0]["seq"]) == ("start", 0)
    assert raised[-1]["event_type"] == "end"
    starts = [row["event_id"] for row in raised if row["event_type"] == "start"]
    assert sorted(starts) == sorted(row["event_id"] for row in raised if row["event_type"] == "end")


def test_every_classifies_one_frame_in_so_many_seconds(tmp_path, demo_video):
    out = tmp_path / "v.jsonl"
    assert maskwatch("detect", demo_video, "--json", out, "--every", 2).returncode == 0
    assert [row["frame"] for row in rows(out)] == [0, 12, 24, 36, 48, 60, 72, 84]


def test_csv_has_one_line_per_face_and_annotate_draws_each_image(tmp_path, demo_picture):
    table, drawn = tmp_path / "faces.csv", tmp_path / "drawn"
    assert maskwatch("detect", demo_picture, "--csv", table, "--annotate", drawn).returncode == 0
    lines = list(csv.DictReader(table.open()))
    assert {line["label"] for line in lines} == {"with_mask", "without_mask"}
    image = cv2.imread(str(drawn / "street.jpg"))
    assert (image != cv2.imread(str(demo_picture))).any()


def test_a_bad_image_in_a_folder_is_skipped_and_the_exit_code_is_1(tmp_path, demo_picture):
    shutil.copy(demo_picture, tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    out = tmp_path / "out.jsonl"
    done = maskwatch("detect", tmp_path, "--json", out)
    assert done.returncode == 1
    assert [Path(row["source"]).name for row in rows(out)] == ["good.png"]
    assert done.stderr.count("\n") == 1
    assert "bad.jpg: is not an image" in done.stderr


@pytest.mark.parametrize("shape", [(1, 1, 3), (30, 12_000, 3), (50, 50), (50, 50, 4)])
def test_images_of_unusual_shape_are_classified_without_a_message(tmp_path, shape):
    cv2.imwrite(str(tmp_path / "unusual.png"), np.full(shape, 128, np.uint8))
    done = maskwatch("detect", tmp_path / "unusual.png", "--json", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["faces"] == []


def test_boxes_are_in_pixels_of_the_image_after_its_exif_rotation(tmp_path, demo_scenes):
    from tests.support.films import with_orientation

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
    ("arguments", "code", "message"),
    [
        (["nothing.jpg"], 66, "nothing.jpg: no such file"),
        ([], 2, "Missing argument"),
        (["{picture}", "--every", "-1"], 2, "--every"),
        (["{picture}", "--json", "/nonexistent/x.jsonl"], 78, "/nonexistent/x.jsonl: cannot be written"),
        (["{empty}"], 66, "has no image and no video"),
        (["{picture}", "--json", "{empty}"], 78, ": is a folder; name a file"),
        (["{picture}", "--csv", "{picture}"], 78, "street.png: is an input; choose another file for --csv"),
        (["{picture}", "--json", "same", "--alerts", "same"], 78, "same: is given for --json and for --alerts"),
        (["{picture}", "--annotate", "{picture}"], 78, "street.png: is a file; choose a folder for --annotate"),
        (["{picture}", "--annotate", "{picture}/out"], 78, "street.png/out: cannot be written: Not a directory"),
        (["{picture}", "--annotate", "/proc/x"], 78, "/proc/x: cannot be written"),
        (["{picture}", "--json", "/dev/full"], 78, "/dev/full: cannot be written: No space left on device"),
        (["x" * 5000], 66, "no such file or folder"),
        (["{picture}", "--set", "detector.profil=live"], 78, "did you mean 'profile'"),
        (["{picture}", "--config", "none.toml"], 78, "none.toml: cannot be read"),
        (["{picture}", "--env", "prod"], 2, "--env"),
    ],
)
def test_bad_input_gives_one_sentence_and_its_exit_code(tmp_path, demo_picture, arguments, code, message):
    filled = [a.format(picture=demo_picture, empty=tmp_path) for a in arguments]
    done = maskwatch("detect", *filled)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_file_appears_when_it_is_complete_and_keeps_the_finished_rows_after_a_signal(
    tmp_path, demo_video, number, code
):
    """Ctrl-C lost the rows of an hour: each row is complete, so the finished ones are kept."""
    out, drawn = tmp_path / "v.jsonl", tmp_path / "drawn"
    arguments = command("detect", demo_video, "--json", out, "--annotate", drawn)
    process = subprocess.Popen(arguments, env=environment(), stderr=subprocess.PIPE)
    assert eventually(lambda: any(part.read_bytes().count(b"\n") > 3 for part in tmp_path.glob(".v.jsonl.*.part")), 40)
    assert not out.exists()
    process.send_signal(number)
    _, messages = process.communicate(timeout=20)
    assert process.returncode == code
    assert b"Traceback" not in messages
    frames = rows(out)
    assert [row["frame"] for row in frames] == list(range(len(frames)))
    assert 3 < len(frames) < 96
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["drawn", "play.mp4", "v.jsonl"]
    assert abs(len(list(VideoSource(drawn / "play.mp4"))) - len(frames)) <= 1


def test_a_closed_pipe_ends_it_without_a_message(demo_video):
    line = " ".join(command("detect", demo_video, "--json", "-")) + " | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, env=environment(), check=False, timeout=60)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_video_gets_one_line_and_one_drawn_video_of_the_same_length(tmp_path, demo_video, demo_picture):
    done = maskwatch("detect", demo_video, demo_picture, "--annotate", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    video, picture = done.stdout.splitlines()
    assert video.startswith(f"{demo_video}: 96 frames in 15.8 s: ")
    assert video.endswith(("2 alerts", "1 alert"))
    assert "with_mask" in video
    assert "without_mask" in picture
    assert sorted(path.name for path in tmp_path.iterdir()) == ["play.mp4", "street.jpg"]
    images = [(frame.at, frame.image) for frame in VideoSource(tmp_path / "play.mp4")]
    assert len(images) == 96
    assert images[-1][0] == pytest.approx(95 / 6, abs=0.05)
    original = next(iter(VideoSource(demo_video))).image
    assert images[0][1].shape == original.shape


def test_every_draws_a_video_of_the_chosen_frames_at_their_times(tmp_path, demo_video):
    assert maskwatch("detect", demo_video, "--annotate", tmp_path, "--every", 2).returncode == 0
    times = [frame.at for frame in VideoSource(tmp_path / "play.mp4")]
    assert times == [pytest.approx(2.0 * k, abs=0.01) for k in range(8)]


def test_every_does_not_catch_up_after_a_gap(tmp_path, demo_video):
    path, out = tmp_path / "gap.mp4", tmp_path / "o.jsonl"
    gap = "setpts='if(lt(N,12),N/6,20+(N-12)/6)/TB',scale=320:180"
    ffmpeg("-t", 8, "-i", demo_video, "-vf", gap, "-fps_mode", "vfr", *X264, path)
    assert maskwatch("detect", path, "--json", out, "--every", 1).returncode == 0
    assert [row["t_s"] for row in rows(out)] == [0, 1, 20, 21, 22, 23, 24, 25]


def test_drawings_never_overwrite_inputs_or_each_other(tmp_path, demo_picture, demo_video):
    jpeg = cv2.imencode(".jpg", cv2.imread(str(demo_picture)))[1].tobytes()
    for name in ("p/IMG_1.jpg", "q/IMG_1.jpg", "q/img_1.png", "p/other.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg)
    film(demo_video, tmp_path / "p/IMG_1.mp4", *X264, seconds=1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    first = tmp_path / "p/IMG_1.jpg"
    inputs = (first, tmp_path / "p/IMG_1.mp4", tmp_path / "q")
    for folder in ("p", "out"):
        assert maskwatch("detect", *inputs, "--annotate", tmp_path / folder).returncode == 0
    assert {path: path.read_bytes() for path in before} == before
    drawn = {"IMG_1.jpg", "IMG_1.mp4", "IMG_1_2.jpg", "img_1_3.jpg"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == drawn
    drawn_next_to_inputs = {"IMG_1_2.jpg", "IMG_1_2.mp4", "IMG_1_3.jpg", "img_1.jpg"}
    assert {path.name for path in (tmp_path / "p").iterdir()} == {
        "IMG_1.jpg",
        "IMG_1.mp4",
        "other.jpg",
    } | drawn_next_to_inputs
    os.link(first, tmp_path / "out/other.jpg")
    assert maskwatch("detect", first, "--json", tmp_path / "out/other.jpg").returncode == 78
    assert first.read_bytes() == before[first]


def test_names_that_are_not_utf_8_are_kept_in_every_output(tmp_path, demo_picture, demo_video):
    """Such names, common in old archives, ended in a segmentation fault or without any row."""
    names = [os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"vid\xe9o.mp4"), "zwei\nZeilen \x1b[31m.png"]
    clip = film(demo_video, tmp_path / "v.mp4", *X264, seconds=1)
    (tmp_path / "in").mkdir()
    for name, source in zip(names, (demo_picture, clip, demo_picture), strict=True):
        shutil.copy(source, tmp_path / "in" / name)
    out, table, drawn = tmp_path / "o.jsonl", tmp_path / "o.csv", tmp_path / "drawn"
    assert maskwatch("detect", tmp_path / "in", "--json", out, "--csv", table, "--annotate", drawn).returncode == 0
    assert {Path(row["source"]).name for row in rows(out)} == set(names)
    with table.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert {Path(line["source"]).name for line in csv.DictReader(file)} == set(names)
    assert {path.name for path in drawn.iterdir()} == {
        f"{Path(n).stem}{e}" for n, e in zip(names, (".jpg", ".mp4", ".jpg"), strict=True)
    }
    printed = subprocess.run(
        command("detect", tmp_path / "in"), capture_output=True, env=environment(), check=True
    ).stdout
    assert [line.split(b"/")[-1].split(b":")[0] for line in printed.splitlines()] == [
        b"caf\xe9.png",
        b"vid\xe9o.mp4",
        b"zwei?Zeilen ?[31m.png",
    ]


def test_a_folder_is_read_by_content_and_skipped_files_are_listed(tmp_path, demo_picture, demo_video):
    shutil.copy(demo_picture, tmp_path / "no-ending")
    film(demo_video, tmp_path / "old.wmv", "-c:v", "wmv2", seconds=1)
    film(demo_video, tmp_path / "film.gif", seconds=1)
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400))
    (tmp_path / "notes.txt").write_text("a note")
    out = tmp_path / "out.jsonl"
    done = maskwatch("detect", tmp_path, "--json", out)
    assert done.returncode == 1
    assert {Path(row["source"]).name for row in rows(out)} == {"no-ending", "old.wmv", "film.gif"}
    listed, heic = done.stderr.splitlines()
    assert listed.endswith("skipped notes.txt (no image or video)")
    assert heic.endswith("does not decode; fix: convert it to JPEG")
    assert "phone.heic: is HEIC, which OpenCV" in heic


@pytest.mark.parametrize("command_line", ["detect {picture}", "detect {picture} --json -", "check", "--help"])
def test_a_full_disk_behind_standard_output_is_one_sentence(demo_picture, command_line):
    with Path("/dev/full").open("w") as full:
        arguments = command(*command_line.format(picture=demo_picture).split())
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False)
    assert done.returncode == 78
    assert done.stderr.startswith("maskwatch: standard output: ")
    assert done.stderr.endswith("No space left on device\n")
    assert done.stderr.count("\n") == 1


def test_devices_pipes_and_links_are_written_to_and_not_replaced(tmp_path, demo_picture):
    """The link /dev/stdout would have been replaced by a file."""
    done = maskwatch("detect", demo_picture, "--json", "/dev/stdout")
    assert json.loads(done.stdout)["source"] == str(demo_picture)
    link, pipe = tmp_path / "link.jsonl", tmp_path / "pipe"
    link.symlink_to("real.jsonl")
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    assert maskwatch("detect", demo_picture, "--json", link, "--csv", pipe).returncode == 0
    assert len(reader.communicate(timeout=20)[0].splitlines()) == 3
    assert link.is_symlink()
    assert len(rows(tmp_path / "real.jsonl")) == 1
    assert pipe.is_fifo()


def test_the_drafts_of_a_link_lie_with_the_file_that_it_names(tmp_path):
    link, draft = tmp_path / "link.jsonl", tmp_path / "disk" / ".real.jsonl.12345678.part"
    draft.parent.mkdir()
    link.symlink_to("disk/real.jsonl")
    draft.write_text("rows")
    remove_drafts([link])
    assert not draft.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")
@pytest.mark.parametrize(
    ("size", "outputs", "full"),
    [
        ("192k", "--json disk/o.jsonl --annotate disk/drawn", "disk/"),
        ("64k", "--json disk/o.jsonl", "disk/o.jsonl"),
    ],
)
def test_a_full_disk_ends_it_with_one_sentence_and_nothing_is_lost_once_there_is_room(
    tmp_path, demo_picture, size, outputs, full
):
    """Each row is complete or absent, a drawing that does not fit is not written, and the next run goes on."""
    for number in range(12):
        shutil.copy(demo_picture, tmp_path / f"{number:02}.png")
    detect = " ".join(command("detect", tmp_path / "[0-9]*.png", outputs))
    mount = f"mkdir disk; mount -t tmpfs -o size={size} none disk"
    script = (
        f"{mount}; {detect}; echo rc=$?; ls -AR disk; cat disk/o.jsonl; mount -o remount,size=8m disk; "
        f"{detect} 2>again; echo again=$?; cp disk/o.jsonl whole; ls -A disk"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=60,
    )
    before, _, after = done.stdout.partition("again=")
    assert "rc=78" in before
    assert done.stderr.count("\n") == 1
    assert full in done.stderr
    assert "No space left on device" in done.stderr
    kept = [json.loads(row) for row in before.splitlines() if row.startswith("{")]
    assert 1 <= len(kept) < 12
    assert ".part" not in before
    assert before.endswith("\n")
    assert after.splitlines()[0] == "0"
    assert "progress" not in after
    assert "goes on after" in (tmp_path / "again").read_text()
    assert [row["source"] for row in rows(tmp_path / "whole")] == [str(tmp_path / f"{n:02}.png") for n in range(12)]
