"""The cut of a face."""

from __future__ import annotations

import numpy as np
import pytest

from edge.crop import crop_face


def gradient() -> np.ndarray:
    rows, columns = np.mgrid[0:100, 0:200]
    return np.stack([rows, columns, rows * 0 + 7], 2).astype(np.uint8)


@pytest.mark.parametrize(
    "box",
    [
        (50, 20, 90, 60),
        (-30, -30, 20, 20),
        (180, 80, 240, 140),
        (-50, -50, 300, 300),
        (10, 10, 10, 10),
        (500, 500, 520, 520),
        (-90, -90, -50, -50),
        (0, 0, 200, 1),
    ],
)
def test_any_box_gives_a_square_of_the_wanted_size(box):
    assert crop_face(gradient(), np.array(box, np.float32), size_px=64, margin=0.2).shape == (64, 64, 3)


def test_a_cut_without_scaling_holds_the_very_pixels():
    crop = crop_face(gradient(), np.array([50, 20, 90, 60], np.float32), size_px=40, margin=0.0)
    assert (crop == gradient()[20:60, 50:90]).all()


def test_the_margin_widens_the_cut_at_both_ends():
    crop = crop_face(gradient(), np.array([60, 30, 80, 50], np.float32), size_px=40, margin=0.5)
    assert (crop == gradient()[20:60, 50:90]).all()


def test_the_shift_moves_the_cut_down_by_a_share_of_the_longer_side():
    crop = crop_face(gradient(), np.array([60, 30, 76, 50], np.float32), size_px=20, margin=0.0, shift=0.25)
    assert (crop == gradient()[35:55, 58:78]).all()


def test_outside_the_picture_its_border_is_repeated():
    crop = crop_face(gradient(), np.array([-20, 0, 20, 40], np.float32), size_px=40, margin=0.0)
    assert (crop[:, :20] == gradient()[:40, :1]).all()
    assert (crop[:, 20:] == gradient()[:40, :20]).all()


def test_the_colour_order_is_kept():
    assert crop_face(gradient(), np.array([50, 20, 90, 60], np.float32), size_px=16, margin=0.0)[..., 2].mean() == 7


@pytest.mark.parametrize("left", [-30, -25, -5, 0, 33, 150, 170, 190])
@pytest.mark.parametrize("top", [-35, -10, 0, 7, 60, 95])
def test_each_pixel_of_a_cut_is_the_nearest_one_of_the_picture(left, top):
    crop = crop_face(gradient(), np.array([left, top, left + 40, top + 40], np.float32), size_px=40, margin=0.0)
    rows, columns = np.clip(np.arange(top, top + 40), 0, 99), np.clip(np.arange(left, left + 40), 0, 199)
    assert (crop == gradient()[np.ix_(rows, columns)]).all()
