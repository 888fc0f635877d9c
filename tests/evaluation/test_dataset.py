"""Labelled images: three layouts on disk, and one sentence for each error."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge.errors import InputError
from edge.evaluation.dataset import read_dataset, read_empty

BOX = [10, 20, 30, 40, "with_mask"]


def scenes(folder, *lines):
    folder.mkdir(exist_ok=True)
    (folder / "boxes.jsonl").write_text(
        "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    )
    return folder


def test_a_box_becomes_corners_and_its_label_a_number(tmp_path):
    made = read_dataset(scenes(tmp_path, {"file": "a.png", "boxes": [BOX, [0, 0, 5, 6, "incorrect_mask"]], "width": 9}))
    (image,) = made.images
    assert made.is_scenes
    assert image.path == tmp_path / "a.png"
    assert image.boxes.tolist() == [[10, 20, 40, 60], [0, 0, 5, 6]]
    assert image.labels.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("given", "complete"), [({}, True), ({"labels_complete": None}, False), ({"labels_complete": False}, False)]
)
def test_faces_can_be_false_only_in_an_image_with_all_faces_labelled(tmp_path, given, complete):
    made = read_dataset(scenes(tmp_path, {"file": "a.png", "boxes": [], **given}))
    assert made.images[0].complete is complete


def test_a_listing_of_crops_gives_one_label_per_image(tmp_path):
    (tmp_path / "crops.jsonl").write_text(
        '{"file": "x/1.jpg", "label": "without_mask"}\n\n{"file": "2.jpg", "label": "with_mask"}\n'
    )
    made = read_dataset(tmp_path)
    assert not made.is_scenes
    assert [image.labels.tolist() for image in made.images] == [[1], [0]]
    assert made.images[0].boxes.shape == (0, 4)


def test_a_kind_is_of_all_faces_of_a_line_and_kinds_of_each(tmp_path):
    made = read_dataset(
        scenes(
            tmp_path,
            {"file": "a.png", "boxes": [BOX, BOX], "kind": "cctv", "kinds": ["chin", None]},
            {"file": "b.png", "boxes": [BOX]},
        )
    )
    assert {kind: of.tolist() for kind, of in made.kinds.items()} == {
        "cctv": [True, True, False],
        "chin": [True, False, False],
    }


def test_a_crop_has_one_kind(tmp_path):
    (tmp_path / "crops.jsonl").write_text(
        '{"file": "1.jpg", "label": "with_mask"}\n{"file": "2.jpg", "label": "without_mask", "kind": "beard"}\n'
    )
    assert read_dataset(tmp_path).kinds["beard"].tolist() == [False, True]


def test_regions_to_ignore_become_corners(tmp_path):
    (image,) = read_dataset(scenes(tmp_path, {"file": "a.png", "boxes": [], "ignore": [[1, 2, 3, 4]]})).images
    assert image.ignored.tolist() == [[1, 2, 4, 6]]


def test_a_folder_of_images_without_people_has_no_labelled_face(tmp_path):
    (tmp_path / "b.png").touch()
    (tmp_path / "a.jpg").touch()
    made = read_empty(tmp_path)
    assert made.is_scenes
    assert [(image.path.name, len(image.labels), image.complete) for image in made.images] == [
        ("a.jpg", 0, True),
        ("b.png", 0, True),
    ]
    with pytest.raises(InputError, match="has no image"):
        read_empty(scenes(tmp_path / "none"))


def test_folders_named_by_label_need_no_listing(tmp_path):
    for name in ("with_mask/b.png", "with_mask/a.JPG", "with_mask/notes.txt", "incorrect_mask/c.png", "other/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    made = read_dataset(tmp_path)
    assert [(image.path.name, int(image.labels[0])) for image in made.images] == [
        ("a.JPG", 0),
        ("b.png", 0),
        ("c.png", 2),
    ]


def test_listings_that_differ_have_different_hashes(tmp_path):
    first = read_dataset(scenes(tmp_path, {"file": "a.png", "boxes": [BOX]})).sha256
    assert first == read_dataset(tmp_path).sha256
    assert first != read_dataset(scenes(tmp_path, {"file": "b.png", "boxes": [BOX]})).sha256


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"file": "a.png"\n'], "boxes.jsonl:1: Invalid JSON"),
        ([{"file": "a.png", "boxes": []}, {"file": "b.png"}], "boxes.jsonl:2: boxes: Field required"),
        ([{"file": "a.png", "boxes": [[1, 2, 3, 4, "masked"]]}], "boxes.0.4: Input should be 'with_mask'"),
        ([{"file": "a.png", "boxes": [[1, 2, 3, "with_mask"]]}], "boxes.jsonl:1: boxes.0"),
        ([{"file": "a.png", "boxes": [[1, 2, -3, 4, "with_mask"]]}], "a box is x, y, width, height"),
        (['{"file": "a.png", "boxes": [[1, 2, 1e999, 4, "with_mask"]]}\n'], "a box is x, y, width, height"),
        (
            [{"file": "a.png", "boxes": [BOX], "kinds": []}],
            "kinds: has 0 entries for 1 boxes; use null for a box without",
        ),
        ([{"file": "a.png", "boxes": [BOX], "kind": "On Chin"}], "boxes.jsonl:1: kind: String should match"),
        ([{"file": "a.png", "boxes": [], "ignore": [[1, 2, -3, 4]]}], "ignore: a box is x, y, width, height"),
        ([], "lists no image"),
    ],
)
def test_the_error_names_the_wrong_line(tmp_path, lines, message):
    with pytest.raises(InputError) as caught:
        read_dataset(scenes(tmp_path, *lines))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_error_on_a_folder_without_labels_lists_what_is_expected(tmp_path):
    with pytest.raises(InputError, match=r"boxes\.jsonl, crops\.jsonl, or one folder per label: with_mask"):
        read_dataset(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_dataset(tmp_path / "none")


def test_boxes_are_float32_rows_even_if_there_are_none(tmp_path):
    image = read_dataset(scenes(tmp_path, {"file": "a.png", "boxes": []})).images[0]
    assert (image.boxes.shape, image.boxes.dtype) == ((0, 4), np.float32)
