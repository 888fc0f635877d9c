"""The pose of a face from its five landmarks, and from the demo's people, found or not."""

from __future__ import annotations

import numpy as np
import pytest

from edge.data import Faces, Frame
from edge.evaluation.pose import POSES, PoseReference, poses_of

HEAD = np.array([[-1, 0, 0], [1, 0, 0], [0, 1.1, 0.95], [-0.85, 2, 0.3], [0.85, 2, 0.3]])
"""Eyes, nose and corners of the mouth in half eye distances: right, down, towards the camera."""


def seen(*, turn=0.0, bend=0.0, roll=0.0):
    """Return the face of a head turned, bent down and rolled by degrees; its box is 4.4 half eye distances wide."""
    y, p, r = np.radians([turn, bend, roll])
    turned = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    bent = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    rolled = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points = (HEAD @ (rolled @ bent @ turned).T)[:, :2] * 10 + 100
    return Faces(np.array([[78, 80, 122, 135]], np.float32), np.ones(1, np.float32), points[None].astype(np.float32))


def names(face):
    return {name for name, is_in in zip(POSES, poses_of(face), strict=True) if is_in}


@pytest.mark.parametrize(
    ("turned", "expected"),
    [
        ({}, {"frontal"}),
        ({"turn": 25}, {"frontal"}),
        ({"turn": 40}, {"three_quarter"}),
        ({"turn": -40}, {"three_quarter"}),
        ({"turn": 60}, {"profile"}),
        ({"turn": 85}, {"profile"}),
        ({"roll": 15}, {"frontal"}),
        ({"roll": 35}, {"rolled"}),
        ({"roll": -35}, {"rolled"}),
        ({"bend": 15}, {"frontal"}),
        ({"bend": 30}, {"bent"}),
        ({"bend": -30}, {"bent"}),
        ({"turn": 60, "roll": 40}, {"profile", "rolled"}),
    ],
)
def test_the_pose_follows_from_the_landmarks(turned, expected):
    assert names(seen(**turned)) == expected


def test_without_a_face_or_landmarks_the_pose_is_unknown():
    assert names(Faces.none()) == {"unknown"}
    assert names(Faces(np.ones((1, 4), np.float32), np.ones(1, np.float32))) == {"unknown"}


def test_a_labelled_face_has_a_pose_whatever_a_detector_finds_there(demo_scenes):
    boxes = np.array([[235, 255, 350, 400], [600, 245, 740, 410], [20, 20, 90, 90]], np.float32)
    poses = PoseReference().poses(Frame(demo_scenes[20.0], 0, at=0.0, read_at=0.0), boxes)
    assert poses.shape == (3, len(POSES))
    assert poses[:, POSES.index("unknown")].tolist() == [False, False, True]
    assert poses[:2, POSES.index("frontal")].all()
