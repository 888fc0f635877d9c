"""The conditions under which models are compared."""

from __future__ import annotations

import numpy as np
import pytest

from edge.monitor.conditions import LIGHTS, SIZES, light_of, size_of


@pytest.mark.parametrize(
    ("side_px", "name"), [(3, "16-24"), (16, "16-24"), (23.9, "16-24"), (24, "24-40"), (79, "40-80"), (500, "80-")]
)
def test_a_face_has_the_size_of_its_shorter_side(side_px, name):
    assert SIZES[size_of(side_px)] == name


@pytest.mark.parametrize(
    ("grey", "name"), [(0, "dark"), (79, "dark"), (80, "medium"), (129, "medium"), (130, "bright")]
)
def test_a_face_has_the_light_of_its_mean(grey, name):
    assert LIGHTS[light_of(np.full((4, 4, 3), grey, np.uint8))] == name
