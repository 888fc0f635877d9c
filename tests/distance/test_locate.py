"""Where people are stands on the scene: for whom, and for whom it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge import pipeline
from edge import stages as parts
from edge.data import Faces, Frame, Gap, Mask, Verdicts
from edge.distance.locate import Locator
from edge.distance.ranging import RangeFinder
from edge.distance.refine import Refinement
from edge.monitor.timings import Timings
from edge.settings.load import load
from tests.support import fakes
from tests.support.boxes import SIZE_PX, box_at

SETTINGS = load(
    overrides=["distance.focal_widths=1.0", "distance.face_height_m=0.2", "track.min_hits=1"], system_file=None
).settings


class Detector:
    """Finds faces at given boxes in every whole image, and one of 40 px in the middle of every cut."""

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes = boxes

    def detect(self, frame: Frame) -> Faces:
        if frame.size_px == SIZE_PX:
            return fakes.faces(*self.boxes)
        x, y = frame.size_px[0] / 2, frame.size_px[1] / 2
        return fakes.faces((x - 16, y - 20, x + 16, y + 20))


class Unsure:
    def classify(self, _frame: Frame, boxes: np.ndarray) -> Verdicts:
        return fakes.verdicts(*[Mask.UNSURE] * len(boxes))


def frame(at: float = 0.0) -> Frame:
    return fakes.frame(at, image=fakes.picture(size_px=SIZE_PX))


def stages(*boxes, every_frame: bool = False) -> pipeline.Stages:
    models = parts.Models(Detector(*boxes), Unsure(), {}, (384, 288))
    return parts.build_stages(SETTINGS, models, Timings(), every_frame=every_frame)


def positions(scene) -> list:
    return [track.position for track in scene.tracks]


def test_a_visible_face_has_its_place_and_its_distance_with_an_interval():
    (position,) = positions(pipeline.walk(frame(), stages(box_at(0.5, 1.2))))
    assert position.place_m == pytest.approx((0.5, 0.0, 1.2), abs=1e-6)
    assert position.distance.m == pytest.approx(1.3)
    assert position.distance.low_m < 1.3 < position.distance.high_m


def test_a_small_face_is_where_its_refined_height_puts_it():
    """It is 30 px tall in the detector's box and 40 px in the cut; 0.2 m at a focal length of 1,280 px."""
    (position,) = positions(pipeline.walk(frame(), stages((628.0, 345.0, 652.0, 375.0))))
    assert position.place_m[2] == pytest.approx(6.4)
    (rough,) = Locator(Refinement(Detector(), (1, 1)), RangeFinder(1.0, 0.05, 0.2, 640)).measure(
        frame(), [replace(fakes.track(), box=(628.0, 345.0, 652.0, 375.0))]
    )
    assert rough.position.place_m[2] == pytest.approx(8.53, abs=0.01)


def test_a_face_that_the_border_cuts_has_none():
    assert positions(pipeline.walk(frame(), stages((600.0, 0.0, 680.0, 190.0), box_at(0.0, 1.2)))) != [None, None]
    assert positions(pipeline.walk(frame(), stages((600.0, 0.0, 680.0, 190.0)))) == [None]


def test_a_person_who_is_out_of_sight_has_none():
    joined = stages(box_at(0.0, 1.2))
    pipeline.walk(frame(0.0), joined)
    joined = replace(joined, detect=lambda _frame: Faces.none())
    assert positions(pipeline.walk(frame(0.1), joined)) == [None]


def test_while_there_is_no_frame_nobody_has_one():
    joined = stages(box_at(0.0, 1.2))
    last = pipeline.walk(frame(0.0), joined)
    assert positions(last) != [None]
    assert positions(pipeline.standing(last, joined)) == [None]
    assert positions(pipeline.absent(0.5, joined)) == [None]


def test_files_and_aggregate_mode_measure_nobody():
    near = box_at(0.0, 1.2)
    assert positions(pipeline.walk(frame(), stages(near, every_frame=True))) == [None]
    assert positions(pipeline.walk(frame(), parts.counting(stages(near)))) == [None]


def test_each_scene_of_a_run_has_the_positions_of_its_own_frame():
    source = fakes.ListSource([frame(0.0), Gap(0.5), frame(1.0)])
    known = [len([p for p in positions(scene) if p]) for scene in pipeline.scenes(source, stages(box_at(0.0, 1.2)))]
    assert known == [1, 0, 1, 0]
