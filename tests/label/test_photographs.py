"""The photographs of a folder, and the faces that are proposed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.data import Faces
from edge.errors import CameraError, InputError
from edge.label.listing import Face, Photograph
from edge.label.photographs import Photographs


class Finder:
    """A detector that finds two faces in every image."""

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, _frame) -> Faces:
        self.calls += 1
        return Faces(np.array([[10, 10, 30, 40], [100.04, 50, 130, 90]], np.float32), np.array([0.9, 0.5], np.float32))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "people").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("b.png", "people/a.jpg", ".hidden/c.png"):
        cv2.imwrite(str(tmp_path / name), np.full((1000, 2000, 3), 128, np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_photographs_of_subfolders_are_listed_but_not_what_is_hidden(folder):
    assert Photographs(folder, Finder()).files == ["b.png", "people/a.jpg"]


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no photographs"):
        Photographs(tmp_path, Finder())


def test_a_large_photograph_is_shown_smaller_and_its_faces_are_in_its_own_pixels(folder):
    shown = Photographs(folder, Finder()).shown("b.png")
    assert cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (800, 1600, 3)
    assert (shown.width_px, shown.height_px) == (2000, 1000)
    assert shown.boxes == ((10, 10, 20, 30), (100.0, 50, 30, 40))


def test_a_face_that_has_a_label_is_not_proposed_again(folder):
    finder = Finder()
    photographs = Photographs(folder, finder)
    known = Photograph(faces=(Face(box=(11, 11, 20, 30), label="not_a_face"),))
    assert photographs.with_proposals("b.png", known).faces == (*known.faces, Face(box=(100.0, 50, 30, 40)))
    assert len(photographs.with_proposals("b.png", None).faces) == 2
    assert finder.calls == 1


def test_a_file_that_cannot_be_read_is_named(folder):
    (folder / "b.png").write_bytes(b"\x89PNG damaged")
    with pytest.raises(CameraError, match=r"b\.png"):
        Photographs(folder, Finder()).shown("b.png")
