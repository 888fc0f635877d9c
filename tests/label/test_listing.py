"""The listing of labels: what it keeps, what `evaluate` and the training read of it, and what it refuses."""

from __future__ import annotations

import json

import pytest

from edge.errors import InputError, OutputError
from edge.evaluation.dataset import read_dataset
from edge.label.listing import Face, Listing, Photograph
from models.train.sources import labelled_images, source

MASK = Face(box=(10, 20, 30, 40), label="with_mask", pose="profile")
CHIN = Face(box=(50, 20, 30, 40), label="incorrect_mask", kind="chin")
HAND = Face(box=(1, 2, 5, 5), label="not_a_face")
OPEN = Face(box=(90, 20, 30, 40))


def listed(folder, *faces: Face, file: str = "a.jpg") -> Listing:
    listing = Listing(folder)
    listing.put(file, Photograph(faces=faces))
    return listing


def test_what_was_labelled_is_there_again_after_a_restart(tmp_path):
    listed(tmp_path, MASK, CHIN, HAND)
    listing = Listing(tmp_path)
    assert listing.of("a.jpg") == Photograph(faces=(MASK, CHIN, HAND))
    assert listing.of("b.jpg") is None
    assert listing.is_complete("a.jpg")
    assert not listing.is_complete("b.jpg")


def test_a_photograph_with_an_open_face_is_not_complete_and_keeps_the_others(tmp_path):
    listed(tmp_path, MASK, OPEN)
    listing = Listing(tmp_path)
    assert not listing.is_complete("a.jpg")
    assert listing.of("a.jpg") == Photograph(faces=(MASK,))


def test_evaluate_reads_labels_kinds_and_whether_all_faces_are_labelled(tmp_path):
    listed(tmp_path, MASK, CHIN, HAND).put("b.jpg", Photograph(faces=(MASK, OPEN)))
    one, other = read_dataset(tmp_path).images
    assert one.boxes.tolist() == [[10, 20, 40, 60], [50, 20, 80, 60]]
    assert (one.labels.tolist(), one.kinds) == ([0, 2], (frozenset(), frozenset({"chin"})))
    assert (one.complete, other.complete) == (True, False)


def test_a_photograph_without_a_face_is_one_in_which_nobody_is(tmp_path):
    listed(tmp_path)
    (image,) = read_dataset(tmp_path).images
    assert (len(image.boxes), image.complete) == (0, True)


def test_the_training_reads_the_labelled_faces(tmp_path):
    folder = tmp_path / "scenes_own"
    folder.mkdir()
    listed(folder, MASK, CHIN, HAND)
    (image,) = labelled_images(tmp_path, source("scenes_own"))
    assert image.boxes == ((10, 20, 40, 60, "with_mask"), (50, 20, 80, 60, "incorrect_mask"))


def test_lines_of_other_photographs_and_keys_of_others_stay(tmp_path):
    rows = [{"file": "a.jpg", "boxes": [], "sha256": "12"}, {"file": "gone.jpg", "boxes": [[1, 2, 3, 4, "with_mask"]]}]
    (tmp_path / "boxes.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    listed(tmp_path, MASK)
    first, second = map(json.loads, (tmp_path / "boxes.jsonl").read_text().splitlines())
    assert (first["sha256"], len(first["boxes"])) == ("12", 1)
    assert second == rows[1]


def test_labels_that_cannot_be_written_are_reported_and_the_old_ones_stay(tmp_path, monkeypatch):
    listing = listed(tmp_path, MASK)
    before = (tmp_path / "boxes.jsonl").read_text()

    def full(*_arguments, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge.label.listing.replacing", full)
    with pytest.raises(OutputError, match="No space left on device"):
        listing.put("a.jpg", Photograph(faces=(CHIN,)))
    assert (tmp_path / "boxes.jsonl").read_text() == before
    assert listing.of("a.jpg") == Photograph(faces=(MASK,))


WRONG = ["{", "[]", '{"boxes": []}', '{"file": "a.jpg"}', '{"file": 1}', '{"file": "a.jpg", "boxes": [[1, 2, 3]]}']
WRONG += ['{"file": "a.jpg", "boxes": [[1, 2, 3, 4, "nose"]]}', '{"file": "a.jpg", "boxes": [], "kinds": ["chin"]}']


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_named(tmp_path, line):
    (tmp_path / "boxes.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(InputError, match=r"boxes\.jsonl:2: "):
        Listing(tmp_path)


def test_a_dataset_of_single_faces_is_not_turned_into_scenes(tmp_path):
    (tmp_path / "crops.jsonl").touch()
    with pytest.raises(InputError, match="single faces"):
        Listing(tmp_path)
