"""The truth file of clips: who is without a mask from when to when, and one sentence for each error."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.errors import InputError
from edge.evaluation.truth import Bare, read_clips, truth_file


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Return the folder of a clip of two seconds, a.avi."""
    folder = tmp_path_factory.mktemp("clips")
    writer = cv2.VideoWriter(str(folder / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(20):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    return folder


def written(folder, text):
    path = folder / "clips.toml"
    path.write_text(text)
    return path


PERSON = '[[clip]]\nfile = "a.avi"\n[[clip.bare]]\nfrom_s = 0.5\nto_s = 1.5\n'


def test_a_truth_file_is_a_dataset_and_so_is_its_folder(clip):
    path = written(clip, PERSON)
    assert truth_file(path) == truth_file(clip) == path
    assert truth_file(clip / "a.avi") is None
    (one,) = read_clips(path)
    assert (one.path, one.bare[0].duration_s) == (clip / "a.avi", 1.0)


def test_a_clip_may_have_nobody_without_a_mask(clip):
    assert read_clips(written(clip, '[[clip]]\nfile = "a.avi"\n'))[0].bare == ()


def test_an_area_moves_from_box_to_to_box():
    moving = Bare(from_s=0, to_s=2, box=(0, 0, 10, 10), to_box=(100, 0, 10, 10))
    assert moving.distance((4, 4, 6, 6), 0.0) == 0
    assert moving.distance((54, 4, 56, 6), 1.0) == 0
    assert moving.distance((57, 4, 59, 6), 1.0) == pytest.approx(3)
    assert moving.distance((4, 4, 6, 6), 1.0) is None
    assert moving.distance((104, 4, 106, 6), 9.0) == 0
    assert Bare(from_s=0, to_s=1).distance((4, 4, 6, 6), 0.0) == float("inf")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[clip]]\nfile = "b.avi"\n', r"clip 1: file: .*b\.avi: no such file"),
        (PERSON.replace("1.5", "0.5"), "clip 1: bare 1: to_s is 0.5, which is not after from_s, 0.5"),
        (PERSON.replace("1.5", "9"), r"clip 1: bare 1: to_s is 9, but a\.avi ends after 2\.0 s"),
        (PERSON.replace("1.5", "nan"), "to_s: Input should be a finite number"),
        (PERSON.replace("0.5", "-1"), "clip 1: bare 1: from_s: Input should be greater than or equal to 0"),
        (PERSON + "who = 1\n", "clip 1: bare 1: who: unknown key"),
        ("clips = 1\n", "unknown key|clip: Field required"),
        (PERSON + "to_box = [0, 0, 1, 1]\n", "to_box is where box moves to; give box too"),
        (PERSON + "box = [0, 0, 1]\n", "clip 1: bare 1: box"),
        (PERSON + "box = [0, 0, -1, 1]\n", "clip 1: bare 1: box: .*no side negative"),
        ("clip = 1\n", "clip: Input should be"),
        ("[[clip\n", "is not TOML"),
    ],
)
def test_the_error_names_the_clip_the_person_and_the_key(clip, text, message):
    path = written(clip, text)
    with pytest.raises(InputError, match=message) as caught:
        read_clips(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_truth_file_that_is_absent_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml: cannot be read: No such file"):
        read_clips(tmp_path / "none.toml")
