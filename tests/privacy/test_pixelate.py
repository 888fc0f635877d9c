"""Nobody can be recognised in a pixelated picture, by the detector least of all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge import paths
from edge.data import Faces, Scene, Track
from edge.privacy.background import BackgroundModel
from edge.privacy.pixelate import Cover, Pixelation, pixelated
from tests.support.demo import DETECTOR, PLAY, frame, people, scene


def tracks_of(faces: Faces) -> tuple[Track, ...]:
    return tuple(Track(k, tuple(map(float, box)), k, 0.0, 0.0) for k, box in enumerate(faces.boxes))


def covered(cover: Cover, shown: Scene, empty: BackgroundModel | None = None) -> np.ndarray:
    picture = Pixelation(cover, empty or BackgroundModel(), cells=32).image(shown)
    assert picture is not None
    return picture


def empty_street() -> BackgroundModel:
    empty = BackgroundModel(known_after_s=10.0)
    background = PLAY._street
    for second in range(15):
        empty.put(scene(PLAY._with_noise(background, second / 3), at=float(second)))
    return empty


def test_a_cell_has_the_mean_colour_of_what_it_covers():
    image = np.random.default_rng(1).integers(0, 255, (64, 96, 3)).astype(np.uint8)
    cells = pixelated(image, 8)
    assert cells.shape == image.shape
    assert len(np.unique(cells.reshape(-1, 3), axis=0)) <= 8 * 12
    assert np.abs(cells[:8, :8].astype(float) - image[:8:2, :8:2].mean((0, 1))).max() <= 1


def test_only_covered_cells_are_changed():
    image = np.random.default_rng(1).integers(0, 255, (64, 96, 3)).astype(np.uint8)
    where = np.zeros((8, 12), bool)
    where[2, 3] = True
    cells = pixelated(image, 8, where)
    changed = (cells != image).any(2)
    assert changed[16:24, 24:32].mean() > 0.9
    assert changed.sum() == changed[16:24, 24:32].sum()


@pytest.mark.parametrize("size_px", [(97, 53), (1280, 720), (33, 200), (20, 20)])
def test_a_picture_of_any_size_keeps_its_size(size_px):
    image = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    assert pixelated(image, 7, np.zeros((-(-size_px[1] // 7), -(-size_px[0] // 7)), bool)).shape == image.shape


def test_the_demo_shows_two_faces_before_and_none_after():
    image = people()
    assert len(DETECTOR.detect(frame(image))) == 2
    assert len(DETECTOR.detect(frame(covered(Cover.ALL, scene(image))))) == 0


def test_without_a_known_scene_changes_cover_the_whole_picture():
    image = people()
    assert np.array_equal(covered(Cover.CHANGES, scene(image)), covered(Cover.ALL, scene(image)))


def test_in_a_known_scene_people_are_covered_though_no_face_was_found_and_the_street_is_clear():
    image = people()
    picture = covered(Cover.CHANGES, scene(image), empty_street())
    assert len(DETECTOR.detect(frame(picture))) == 0
    clear = (picture == image).all(2)
    assert 0.3 < clear.mean() < 0.9
    assert clear[60:120, 440:500].mean() > 0.95, "the bus sign stays legible"


def test_covering_faces_covers_those_that_were_found():
    image = people()
    tracks = tracks_of(DETECTOR.detect(frame(image)))
    assert len(DETECTOR.detect(frame(covered(Cover.FACES, scene(image, tracks))))) == 0
    one = covered(Cover.FACES, scene(image, tracks[:1]))
    assert len(DETECTOR.detect(frame(one))) == 1, "a face that was not found stays: why this is no default"


def test_a_face_that_fills_the_picture_has_few_cells():
    portrait = cv2.imread(str(paths.demo() / "astronaut_bare.png"))
    large = cv2.resize(portrait, None, fx=3, fy=3)
    shown = scene(large, tracks_of(DETECTOR.detect(frame(large))))
    x1, y1, x2, y2 = (int(v) for v in shown.tracks[0].box)
    face = covered(Cover.ALL, shown)[y1:y2, x1:x2]
    assert len(np.unique(face.reshape(-1, 3), axis=0)) <= 7 * 7


def test_a_scene_without_a_frame_has_no_image():
    assert Pixelation(Cover.ALL, BackgroundModel(), cells=32).image(Scene(None, Faces.none(), (), (), 0.0)) is None


def test_the_frame_of_the_pipeline_is_not_changed():
    image = people()
    before = image.copy()
    covered(Cover.CHANGES, scene(image), empty_street())
    assert np.array_equal(image, before)


@pytest.mark.parametrize("cover", Cover)
def test_a_wide_picture_is_thinned_first_and_covered_alike(cover):
    image = cv2.resize(people(), None, fx=2, fy=2)
    tracks = tracks_of(DETECTOR.detect(frame(image)))
    shown = scene(image, tracks)
    full = Pixelation(cover, BackgroundModel(), cells=32).image(shown)
    thin = Pixelation(cover, BackgroundModel(), cells=32, width_px=960).image(shown)
    assert thin.shape == (540, 960, 3)
    assert len(DETECTOR.detect(frame(thin))) == 0
    covered_alike = [cv2.resize(picture, (32, 18), interpolation=cv2.INTER_AREA) for picture in (full, thin)]
    assert np.abs(covered_alike[0].astype(float) - covered_alike[1]).mean() < 8
