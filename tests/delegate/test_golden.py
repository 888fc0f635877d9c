"""Golden inputs, and by how much a delegate's results may differ on them."""

from __future__ import annotations

import numpy as np
import pytest

from edge.delegate import golden

RIGHT = np.linspace(-1, 1, 100, dtype=np.float32)
SPREAD = RIGHT.std()


@pytest.mark.parametrize("size_px", [(64, 64), (96, 96), (384, 288), (20, 130)])
def test_inputs_have_the_models_size_and_differ(size_px):
    images = golden.inputs(size_px)
    assert {image.shape for image in images} == {(*size_px[::-1], 3)}
    assert {image.dtype for image in images} == {np.dtype(np.uint8)}
    assert len({image.tobytes() for image in images}) == len(images) > 1


def test_a_wide_input_shows_one_crop_beside_the_other():
    one, two = golden.inputs((64, 64))[0], golden.inputs((128, 64))[0]
    assert (two[:, :64] == one).all()
    assert not (two[:, 64:] == one).all()


@pytest.mark.parametrize(
    ("found", "differs"),
    [
        (RIGHT, False),
        (RIGHT + 0.3 * SPREAD, False),
        (RIGHT + 0.5 * SPREAD, True),
        (-RIGHT, True),
        (np.full_like(RIGHT, 7), True),
        (np.full_like(RIGHT, np.nan), True),
    ],
)
def test_results_may_differ_by_a_share_of_their_spread(found, differs):
    assert bool(golden.difference([[RIGHT]], [[found]])) is differs


def test_the_output_that_differs_is_named():
    assert golden.difference([[RIGHT, RIGHT]], [[RIGHT, -RIGHT]]).startswith("output 1 ")
