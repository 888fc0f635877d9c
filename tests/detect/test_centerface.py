"""Faces by CenterFace: the decoding by hand-made maps, the whole by the demo's people."""

from __future__ import annotations

import numpy as np
import pytest

from edge import paths
from edge.boxes import iou
from edge.detect.centerface import CenterFace, decode
from edge.stages import load_detector
from edge.tflite import Model
from tests.support import fakes


def maps(*peaks: tuple[int, int, float, float, float]) -> list[np.ndarray]:
    """Return the four outputs with (row, column, score, height px, width px) peaks."""
    heat, size = np.zeros((1, 16, 20, 1), np.float32), np.zeros((1, 16, 20, 2), np.float32)
    for row, column, score, height, width in peaks:
        heat[0, row, column] = score
        size[0, row, column] = np.log(height / 4), np.log(width / 4)
    return [heat, size, np.zeros((1, 16, 20, 2), np.float32), np.full((1, 16, 20, 10), 0.5, np.float32)]


def test_a_peak_is_a_box_about_the_centre_of_its_cell():
    faces = decode(*maps((5, 7, 0.9, 16, 8)), min_score=0.5)
    assert faces.boxes == pytest.approx(np.array([[7.5 * 4 - 4, 5.5 * 4 - 8, 7.5 * 4 + 4, 5.5 * 4 + 8]]), abs=1e-4)
    assert faces.scores == pytest.approx([0.9])


def test_an_offset_moves_the_box_by_cells_row_first():
    outputs = maps((5, 7, 0.9, 16, 8))
    outputs[2][0, 5, 7] = 0.25, -0.25
    moved = decode(*outputs, min_score=0.5).boxes - decode(*maps((5, 7, 0.9, 16, 8)), min_score=0.5).boxes
    assert moved == pytest.approx(np.array([[-1, 1, -1, 1]]), abs=1e-4)


def test_landmarks_are_shares_of_the_box_given_row_first_and_told_x_first():
    outputs = maps((5, 7, 0.9, 16, 8))
    outputs[3][0, 5, 7] = [0, 1] + [0.5] * 8
    faces = decode(*outputs, min_score=0.5)
    assert faces.landmarks[0, 0] == pytest.approx([faces.boxes[0, 2], faces.boxes[0, 1]], abs=1e-4)
    assert faces.landmarks[0, 1] == pytest.approx(faces.boxes[0].reshape(2, 2).mean(0), abs=1e-4)


def test_what_scores_less_than_the_threshold_is_no_face():
    assert len(decode(*maps((5, 7, 0.49, 16, 8)), min_score=0.5)) == 0


def test_neighbouring_peaks_of_one_face_are_one_face_and_the_best_comes_first():
    faces = decode(*maps((5, 7, 0.6, 24, 24), (5, 8, 0.9, 24, 24), (12, 2, 0.7, 12, 12)), min_score=0.5)
    assert faces.scores == pytest.approx([0.9, 0.7])


def test_a_map_that_is_all_face_is_bounded():
    outputs = maps()
    outputs[0][:] = 0.9
    assert len(decode(*outputs, min_score=0.5)) <= 320


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e30, 90.0, -90.0])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_damaged_map_gives_boxes_that_are_numbers(wrong, place):
    outputs = maps((5, 7, 0.9, 16, 8), (6, 7, 0.8, 16, 8), (12, 2, 0.7, 12, 12))
    outputs[place][0, 5, 7] = wrong
    faces = decode(*outputs, min_score=0.5)
    assert np.isfinite(faces.boxes).all()
    assert np.isfinite(faces.scores).all()


@pytest.fixture(scope="module", params=["live", "balanced", "quality"])
def detector(request):
    return load_detector(paths.models() / "face" / request.param)[0]


@pytest.mark.parametrize("at", [11.0, 15.0, 20.0])
def test_both_people_of_the_demo_are_found_where_they_stand(detector, demo_scenes, at):
    faces = detector.detect(fakes.frame(image=demo_scenes[at].copy()))
    heads = np.array([[235, 255, 350, 400], [600, 245, 740, 410]], np.float32)
    assert (iou(heads, faces.boxes).max(1) > 0.35).all()


def test_a_grey_picture_has_no_face(detector):
    assert len(detector.detect(fakes.frame(image=np.full((540, 960, 3), 127, np.uint8)))) == 0


@pytest.mark.parametrize("size", [(1, 1), (2, 2000), (2000, 2)])
def test_a_picture_of_any_size_is_looked_at(detector, size):
    assert len(detector.detect(fakes.frame(image=fakes.picture(size_px=size)))) == 0


@pytest.mark.parametrize("profile", ["live", "balanced", "quality"])
def test_a_small_picture_is_looked_at_in_place_of_the_large_one(profile, demo_scenes):
    detector = CenterFace(Model(paths.models() / "face" / profile), min_score=0.3)
    large = demo_scenes[15.0]
    small = np.ascontiguousarray(large[::2, ::2])
    with_small = fakes.Frame(np.zeros_like(large), 0, 0.0, 0.0, small)
    found = detector.detect(with_small).boxes
    assert (iou(detector.detect(fakes.frame(image=large.copy())).boxes, found).max(1) > 0.7).all()
