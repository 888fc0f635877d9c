"""Training scenes of the small detector: what is pasted where, and what the maps then say of it."""

from __future__ import annotations

import numpy as np
import pytest

from edge.boxes import iou
from edge.detect.centerface import decode
from models.train.face.canvas import EMPTY, Canvas, Placing, paste
from models.train.face.labels import corrected
from models.train.face.maps import CHANNELS, COLUMNS, HEIGHT_PX, ROWS, WIDTH_PX, split
from models.train.face.photos import Photo

BOX = np.array([[60, 40, 140, 140]], np.float32)
POINTS = np.array([[[80, 80], [122, 76], [100, 95], [84, 118], [118, 116]]], np.float32)
WHOLE = (0, 0, 2 * WIDTH_PX, 2 * HEIGHT_PX)
LANDMARK_BGR = (0, 0, 255)
NOBODY = np.zeros((0, 4), np.float32)


def face() -> Photo:
    """Return a face of 80 x 100 px whose left eye is a red spot."""
    image = np.full((180, 200, 3), 200, np.uint8)
    x, y = POINTS[0, 0].astype(int)
    image[y - 3 : y + 4, x - 3 : x + 4] = LANDMARK_BGR
    return Photo(image, BOX, POINTS)


def street(maybe: np.ndarray = NOBODY) -> Photo:
    return Photo(np.full((400, 500, 3), 90, np.uint8), NOBODY, np.zeros((0, 5, 2), np.float32), maybe)


def canvas() -> Canvas:
    return Canvas(np.full((2 * HEIGHT_PX, 2 * WIDTH_PX, 3), 127, np.uint8))


def placed(**changes: object) -> Placing:
    return Placing(**({"box": WHOLE, "scale": 1.0, "corner": np.array([150.0, 120.0])} | changes))  # type: ignore[arg-type]


def red_spot(image: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero((image[..., 2] > 200) & (image[..., 0] < 100))
    return np.array([columns.mean(), rows.mean()])


@pytest.mark.parametrize(
    "changes",
    [{}, {"scale": 2.0}, {"scale": 0.6}, {"turn_deg": 40.0}, {"squash": 0.75}, {"turn_deg": -30.0, "squash": 0.8}],
    ids=str,
)
@pytest.mark.parametrize("mirror", [False, True])
def test_a_landmark_moves_with_the_pixels(changes, mirror):
    scene = canvas()
    paste(scene, face(), placed(**changes, mirror=mirror))
    eye = scene.landmarks[0, 1 if mirror else 0]  # mirroring exchanges the eyes
    assert np.abs(eye - red_spot(scene.image)).max() < 2.5  # half a pixel of the photograph, enlarged


def test_the_box_of_a_rolled_face_is_that_of_the_ellipse_in_it():
    scene = canvas()
    paste(scene, face(), placed(turn_deg=90.0))
    x1, y1, x2, y2 = scene.boxes[0]
    assert (x2 - x1, y2 - y1) == pytest.approx((100, 80), abs=0.1)


def test_what_is_pasted_over_a_face_hides_it():
    scene = canvas()
    paste(scene, face(), placed())
    paste(scene, street(), placed(box=(200, 150, 100, 100)))
    assert len(scene.boxes) == 0


def test_a_face_that_is_mostly_cut_off_does_not_count():
    scene = canvas()
    paste(scene, face(), placed(corner=np.array([-110.0, 50.0])))
    assert len(scene.boxes) == 0


def test_a_street_is_empty_but_for_what_may_be_a_face_and_for_what_is_pasted_over_it():
    scene = canvas()
    paste(scene, street(np.array([[100, 100, 140, 140]], np.float32)), placed(corner=np.zeros(2)))
    paste(scene, face(), placed(box=(300, 200, 150, 150), corner=np.zeros(2)))
    assert scene.empty[50, 50] == EMPTY
    assert scene.empty[120, 120] == 0
    assert scene.empty[250, 350] == 0
    assert scene.empty[450, 600] == 0  # beside the photograph


def maps(heat: float = 0.0) -> np.ndarray:
    made = np.zeros((CHANNELS, ROWS, COLUMNS), np.float32)
    made[0] = heat
    return made


def scene_with_face() -> Canvas:
    scene = canvas()
    paste(scene, face(), placed())
    return scene


def test_a_known_face_that_the_teacher_missed_is_drawn_into_the_maps():
    scene = scene_with_face()
    found = decode(*split(corrected(maps(), scene)), min_score=0.5)
    assert iou(found.boxes, scene.boxes / 2).min() > 0.95
    assert np.abs(found.landmarks[0] - scene.landmarks[0] / 2).max() < 0.5


def test_a_labelled_face_without_landmarks_is_raised_but_not_drawn():
    scene = scene_with_face()
    scene.landmarks[:] = np.nan
    assert corrected(maps(0.0), scene)[0].max() == 0
    assert corrected(maps(0.2), scene)[0].max() == pytest.approx(0.8)


def test_heat_remains_on_a_face_and_goes_from_the_empty_street_around_it():
    scene = canvas()
    paste(scene, street(), placed(corner=np.zeros(2)))
    paste(scene, face(), placed(box=(200, 100, 200, 180), corner=np.zeros(2)))
    heat = corrected(maps(0.5), scene)[0]
    row, column = (int(n) for n in scene.boxes[0].reshape(2, 2).mean(0)[::-1] / 8)
    assert heat[row, column] >= 0.8
    assert heat[5, 5] == pytest.approx(0.1)
