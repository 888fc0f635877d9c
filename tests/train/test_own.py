"""An owner's own photographs are listed by folder, cropped if they are there, and forgotten if they are gone."""

from __future__ import annotations

import sys

import cv2
import pytest

from models.train import crops, own
from models.train.sources import LABELS, cropped
from models.train.store import Faces
from tests.support.people import scene


@pytest.fixture
def pictures(tmp_path):
    image, (x1, y1, x2, y2), _ = scene(0)
    side = round(max(x2 - x1, y2 - y1))
    portrait = image[max(0, round(y1) - side) : round(y2) + side, max(0, round(x1) - side) : round(x2) + side]
    for name in ("correct/anna/1.jpg", "bare/anna/1.JPG", "chin/anna/1.jpg"):
        path = tmp_path / "pictures" / "crops_own" / name
        path.parent.mkdir(parents=True)
        assert cv2.imwrite(str(path), portrait)
    return tmp_path / "pictures"


def run(monkeypatch, module, *arguments) -> None:
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()


def names(work) -> set[str]:
    return {entry.name for entry in cropped(work)}


def test_own_photographs_become_faces_with_the_label_of_their_folder(monkeypatch, pictures, tmp_path):
    run(monkeypatch, own, pictures / "crops_own")
    run(monkeypatch, crops, pictures, tmp_path / "work")
    stored = Faces.load(tmp_path / "work" / "crops" / "crops_own.npz")
    assert [LABELS[label] for label in stored.labels] == ["without_mask", "incorrect_mask", "with_mask"]
    assert "crops_own" in names(tmp_path / "work")
    assert "scenes_own" not in names(tmp_path / "work")


def test_own_photographs_that_are_gone_are_no_longer_trained_on(monkeypatch, pictures, tmp_path):
    run(monkeypatch, own, pictures / "crops_own")
    run(monkeypatch, crops, pictures, tmp_path / "work")
    (pictures / "crops_own" / "crops.jsonl").unlink()
    run(monkeypatch, crops, pictures, tmp_path / "work")
    assert "crops_own" not in names(tmp_path / "work")


def test_a_folder_that_is_no_way_of_wearing_is_named(monkeypatch, pictures, capsys):
    (pictures / "crops_own" / "chins").mkdir()
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, own, pictures / "crops_own")
    assert "chins: is none of correct, bare, under_nose" in capsys.readouterr().err
    assert not (pictures / "crops_own" / "crops.jsonl").exists()


def test_a_folder_without_photographs_is_refused(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, own, tmp_path)
