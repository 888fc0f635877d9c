"""The values that flow."""

from __future__ import annotations

import dataclasses
import typing

import numpy as np
import pytest

from edge import data
from edge.data import Faces, Frame, Mask, Verdicts
from tests.support import fakes


def test_a_frame_cannot_be_painted_on():
    with pytest.raises(ValueError, match="read-only"):
        fakes.frame().image[0, 0] = 1


def test_the_array_that_a_frame_was_made_from_stays_writable():
    image = fakes.picture()
    frame = fakes.frame(image=image)
    image[0, 0] = 7
    assert frame.image[0, 0].tolist() == [7, 7, 7], "a view, not a copy"


def test_type_hints_of_the_values_can_be_resolved_at_run_time():
    assert typing.get_type_hints(Frame)["image"] == data.Image
    assert typing.get_type_hints(data.Track)["box"] == data.Box
    assert typing.get_type_hints(Faces)["boxes"] == data.Floats
    for value in vars(data).values():
        if dataclasses.is_dataclass(value):
            assert typing.get_type_hints(value)


def test_a_frame_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        fakes.frame().seq = 3


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 4)])
def test_a_frame_of_another_shape_is_refused_with_both_shapes_named(shape):
    with pytest.raises(ValueError, match=r"image has shape .*expected"):
        fakes.frame(image=np.zeros(shape, np.uint8))


def test_faces_whose_scores_do_not_match_are_refused():
    with pytest.raises(ValueError, match="scores"):
        Faces(np.zeros((2, 4), np.float32), np.zeros(1, np.float32))


def test_landmarks_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="landmarks"):
        Faces(np.zeros((1, 4), np.float32), np.zeros(1, np.float32), np.zeros((1, 4, 2), np.float32))


def test_verdicts_need_three_probabilities_each():
    with pytest.raises(ValueError, match="probabilities"):
        Verdicts(np.zeros((1, 2), np.float32), (Mask.UNSURE,))


def test_verdicts_are_taken_with_their_rejections():
    three = dataclasses.replace(fakes.verdicts(Mask.WITH_MASK, Mask.UNSURE, Mask.WITHOUT_MASK), rejected=frozenset({1}))
    assert three.accepted == [0, 2]
    taken = three.take([2, 1])
    assert taken.masks == (Mask.WITHOUT_MASK, Mask.UNSURE)
    assert taken.rejected == {1}
    assert (taken.probabilities == three.probabilities[[2, 1]]).all()
    assert three.take(three.accepted).rejected == frozenset()


def test_confidence_is_the_largest_probability():
    assert fakes.verdicts(Mask.WITH_MASK, Mask.UNSURE).confidences == pytest.approx([0.9, 0.4])


def test_only_tracks_with_a_face_are_visible():
    seen, lost = fakes.track(1), fakes.track(2, seen=False)
    assert fakes.scene((seen, lost)).visible == (seen,)


@pytest.mark.parametrize("landmarks", [None, np.arange(30, dtype=np.float32).reshape(3, 5, 2)])
def test_faces_are_taken_by_their_rows(landmarks):
    faces = Faces(np.arange(12, dtype=np.float32).reshape(3, 4), np.array([0.9, 0.8, 0.7], np.float32), landmarks)
    taken = faces.take([2, 0])
    assert taken.scores == pytest.approx([0.7, 0.9])
    assert taken.boxes[:, 0].tolist() == [8, 0]
    assert taken.landmarks is None if landmarks is None else taken.landmarks[0, 0, 0] == 20
    assert len(faces.take(())) == 0


def test_a_scene_has_the_boxes_of_lost_tracks_and_of_faces_that_are_no_track_yet():
    """What is covered for privacy must not wait until a face is confirmed."""
    lost, seen = fakes.track(1, seen=False), fakes.track(2)
    found = fakes.faces((10, 10, 30, 30), (50, 10, 60, 20))
    scene = dataclasses.replace(fakes.scene((lost, seen)), faces=found)
    assert scene.boxes == (lost.box, seen.box, (50, 10, 60, 20))
