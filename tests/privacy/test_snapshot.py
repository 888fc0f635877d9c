"""A snapshot is a JPEG of the newest scene, in which the detector finds nobody."""

from __future__ import annotations

import cv2
import numpy as np

from edge.data import Faces, Frame, Scene
from edge.privacy.background import BackgroundModel
from edge.privacy.pixelate import Cover, Pixelation
from edge.privacy.snapshot import Snapshot
from tests.support.demo import DETECTOR, frame, people, scene


def snapshot() -> Snapshot:
    return Snapshot(Pixelation(Cover.ALL, BackgroundModel(), cells=32))


def test_before_the_first_picture_there_is_none():
    kept = snapshot()
    assert kept.jpeg() == b""
    kept.put(Scene(None, Faces.none(), (), (), 0.0))
    assert kept.jpeg() == b""


def test_the_newest_scene_is_shown_and_nobody_can_be_found_in_it():
    kept = snapshot()
    kept.put(scene(np.zeros((540, 960, 3), np.uint8)))
    kept.put(scene(people()))
    picture = cv2.imdecode(np.frombuffer(kept.jpeg(), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (360, 640, 3)
    assert picture.std() > 20
    assert len(DETECTOR.detect(frame(picture))) == 0


def test_a_small_picture_stays_small():
    kept = snapshot()
    kept.put(Scene(Frame(np.zeros((48, 64, 3), np.uint8), 0, at=0.0, read_at=0.0), Faces.none(), (), (), 0.0))
    assert cv2.imdecode(np.frombuffer(kept.jpeg(), np.uint8), cv2.IMREAD_COLOR).shape == (48, 64, 3)
