"""The darkest quarter of an image: a covered lens makes one dark, night and a failed lamp two or all."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from edge.data import Faces, Mask
from edge.monitor.drift.quantities import EDGES, QUANTITIES, darkest_quarter, observations
from edge.monitor.drift.windows import Windows
from edge.privacy.zones import PrivacyZones
from tests.support import fakes
from tests.support.drift import DETECTOR, REFERENCE, drawn, fed

(LIMIT,) = EDGES["quarter"]
UPPER_LEFT, LOWER_RIGHT = "0,0 0.5,0 0.5,0.5 0,0.5", "0.5,0.5 1,0.5 1,1 0.5,1"
UPPER, LEFT = "0,0 1,0 1,0.5 0,0.5", "0,0 0.5,0 0.5,1 0,1"


def street(height: int = 360, width: int = 640):
    """Return an image that is brighter at the top than below, with noise."""
    shade = np.linspace(170, 90, height)[:, None, None]
    noise = np.random.default_rng(0).integers(-40, 40, (height, width, 3))
    return np.clip(shade + noise, 0, 255).astype(np.uint8)


def covered(image, zone: str = UPPER_LEFT, light: float = 0.1):
    """Return an image of which one part gets a share of the light, with a soft edge."""
    mask = np.full((*image.shape[:2], 3), 255, np.uint8)
    PrivacyZones([zone])(mask)
    shares = light + (1 - light) * mask[..., :1].astype(np.float32) / 255
    soft = cv2.GaussianBlur(shares, (0, 0), image.shape[1] / 40)[..., None]
    return (image * soft).astype(np.uint8)


@pytest.mark.parametrize("size", [(360, 640), (1080, 1920), (96, 96), (640, 360), (3, 3)])
def test_an_even_image_has_no_dark_quarter_at_any_size(size):
    assert -0.5 < darkest_quarter(street(*size)) <= 0


@pytest.mark.parametrize("zone", [UPPER_LEFT, LOWER_RIGHT])
def test_a_covered_quarter_is_dark_in_any_light(zone):
    for light in (1.0, 0.2):
        assert darkest_quarter(covered((street() * light).astype(np.uint8), zone)) < LIMIT


@pytest.mark.parametrize("change", [{"zone": UPPER}, {"zone": LEFT}, {"light": 0.7}])
def test_a_dark_sky_a_dark_side_and_a_shadow_are_no_covered_quarter(change):
    assert darkest_quarter(covered(street(), **change)) > LIMIT


def test_the_noise_of_a_night_without_light_decides_nothing():
    night = np.random.default_rng(1).integers(0, 3, (360, 640, 3), np.uint8)
    night[:180, :320] = 0
    assert darkest_quarter(night) > LIMIT


def test_privacy_zones_are_not_taken_for_a_cover():
    zones = PrivacyZones([UPPER_LEFT])
    image = street()
    zones(image)
    assert darkest_quarter(image) < LIMIT
    assert darkest_quarter(image, zones) > LIMIT
    assert darkest_quarter(covered(image, LOWER_RIGHT), zones) < LIMIT, "another quarter is covered"


def test_with_fewer_than_two_quarters_left_it_is_not_measured():
    zones = PrivacyZones([UPPER, UPPER_LEFT, "0,0.5 0.5,0.5 0.5,1 0,1"])
    assert math.isnan(darkest_quarter(street(), zones))


def test_it_is_observed_with_every_face_of_the_image():
    faces = Faces(np.array([[10, 10, 40, 50], [60, 10, 90, 50]], np.float32), np.full(2, 0.8, np.float32))
    values = observations(faces, fakes.verdicts(Mask.WITH_MASK, Mask.WITH_MASK), covered(street()))
    assert (values[:, QUANTITIES.index("quarter")] < LIMIT).all()
    assert observations(faces.take([]), fakes.verdicts(), street()).shape == (0, len(QUANTITIES))


def test_a_new_device_whose_lens_is_covered_in_part_names_the_cause_and_no_other():
    """It does not know yet where faces stand, so `place` shows nothing."""
    windows = Windows(REFERENCE, DETECTOR)
    values = drawn(400, brightness=-2)
    values[:, QUANTITIES.index("quarter")] = LIMIT - 1
    seen = fed(windows, values)
    assert not windows.baseline.learned
    assert "part of the lens covered" in seen[-1]
    assert "darker images" not in seen[-1]


def test_a_place_whose_quarter_is_always_dark_is_learned():
    windows = Windows(REFERENCE, DETECTOR)
    values = drawn(2000)
    values[:, QUANTITIES.index("quarter")] = LIMIT - 1
    assert fed(windows, values)[-1] == ()
    assert windows.unlike == ("part of the lens covered",)


@pytest.mark.parametrize(("every", "people"), [(25, 1), (40, 19)])
def test_a_dark_bus_that_stops_in_front_of_the_camera_now_and_then_is_no_drift(every, people):
    windows = Windows(REFERENCE, DETECTOR)
    values = drawn(900)
    values[np.arange(900) % every < people, QUANTITIES.index("quarter")] = LIMIT - 1
    assert set(fed(windows, values)) == {()}


def test_a_quarter_counts_as_dark_from_the_twentieth_person_on_however_they_come():
    values = drawn(150)
    values[30:, QUANTITIES.index("quarter")] = LIMIT - 1
    for size in (1, 7, 150):
        windows = Windows(REFERENCE, DETECTOR)
        for at in range(0, 150, size):
            windows.add(values[at : at + size], 9)
        counted = sum(block.histogram[QUANTITIES.index("quarter")] for block in (*windows._blocks, windows._block))
        assert counted[0] == 150 - 30 - 19, size
