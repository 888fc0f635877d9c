"""What lies in a zone is black before anything sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.privacy.zones import PrivacyZones, corners_of
from edge.settings.load import load


def painted(zones: list[str], size_px=(640, 360)) -> np.ndarray:
    image = np.full((size_px[1], size_px[0], 3), 200, np.uint8)
    PrivacyZones(zones)(image)
    return image


def test_a_zone_is_black_and_the_rest_is_as_it_was():
    image = painted(["0,0 0.5,0 0.5,1 0,1"])
    assert (image[:, :320] == 0).all()
    assert (image[:, 322:] == 200).all()


def test_a_zone_lies_at_the_same_place_in_a_picture_of_any_size():
    triangle = ["0.2,0.2 0.8,0.3 0.5,0.9"]
    large, small = painted(triangle, (1280, 720)), painted(triangle, (320, 180))
    assert abs((large == 0).mean() - (small == 0).mean()) < 0.01


def test_several_zones_are_painted_and_none_is_no_change():
    image = painted(["0,0 0.1,0 0.1,0.1 0,0.1", "0.9,0.9 1,0.9 1,1 0.9,1"])
    assert (image[0, 0] == 0).all()
    assert (image[-1, -1] == 0).all()
    assert (painted([]) == 200).all()


def test_the_corners_are_shares():
    assert corners_of("0,0 1,0.5 0.25,1").tolist() == [[0, 0], [1, 0.5], [0.25, 1]]


@pytest.mark.parametrize(
    "zone", ["", "0,0 1,1", "0,0 1,1 2,0", "0,0 1,1 -1,0", "a,b c,d e,f", "0,0;1,1;0,1", "0 0 1 1 0 1"]
)
def test_a_malformed_zone_is_refused_with_its_key(zone):
    with pytest.raises(ConfigError, match=r"privacy\.no_look"):
        load(overrides=[f'privacy.no_look=["{zone}"]'], system_file=Path("/nonexistent"))
