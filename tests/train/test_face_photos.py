"""The photographs that the small detector learns from: what is held out, and what replaces what."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from models.train.face.photos import Photo, crop_files, held_out, read_scenes, turned

FRONT = np.array([[[30, 40], [72, 40], [50, 60], [34, 80], [66, 80]]], np.float32)
BOX = np.array([[5, 0, 95, 110]], np.float32)


def picture(seed: int, width: int, height: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def pictures(tmp_path):
    """Return sources with two scenes, of which the second is held out; both have a larger original."""
    names = [f"{n}.png" for n in range(40)]
    kept = next(name for name in names if not held_out(name))
    held = next(name for name in names if held_out(name))
    for folder in ("scenes_andrewmvd/images", "scenes_maskwearing_pd/images", "crops_techyhoney/without_mask"):
        (tmp_path / folder).mkdir(parents=True)
    rows = []
    for seed, name in enumerate((kept, held)):
        cv2.imwrite(str(tmp_path / "scenes_andrewmvd/images" / name), picture(seed, 80, 60))
        cv2.imwrite(str(tmp_path / f"scenes_maskwearing_pd/images/{seed}.png"), picture(seed, 240, 180))
        rows.append({"file": f"images/{name}", "width": 80, "height": 60, "boxes": [[10, 20, 30, 30, "with_mask"]]})
    (tmp_path / "scenes_andrewmvd/boxes.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return tmp_path


def test_a_scene_is_replaced_by_its_larger_original_and_its_boxes_grow(pictures):
    (scene,) = read_scenes(pictures)
    assert scene.image.shape == (180, 240, 3)
    assert scene.boxes.tolist() == [[30, 60, 120, 150]]


def test_neither_a_held_out_scene_nor_its_larger_original_is_trained_on(pictures):
    (scene,) = read_scenes(pictures)
    assert np.abs(scene.image.astype(int) - picture(0, 240, 180)).mean() < 1
    assert np.abs(scene.image.astype(int) - picture(1, 240, 180)).mean() > 20


def test_averages_of_faces_and_drawings_are_left_out(pictures):
    for number in (100, 1200, 1608):
        cv2.imwrite(str(pictures / f"crops_techyhoney/without_mask/{number:05}.png"), picture(0, 20, 20))
    assert [path.stem for _, path in crop_files(pictures)] == ["00100"]


@pytest.mark.parametrize(("second_eye_x", "is_turned"), [(72, False), (55, True)])
def test_a_head_is_turned_where_the_eyes_are_close(second_eye_x, is_turned):
    points = FRONT.copy()
    points[0, 1, 0] = second_eye_x
    assert turned(Photo(picture(0, 100, 120), BOX, points)) == is_turned
