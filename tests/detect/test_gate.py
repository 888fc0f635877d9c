"""Which frames are worth a look: after movement and near people all of them, on an empty street few."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.data import Frame
from edge.detect.gate import MotionGate
from tests.support import fakes

RATE_HZ = 10.0
RNG = np.random.default_rng(3)
STREET = cv2.resize(RNG.integers(40, 200, (9, 16, 3), np.uint8), (320, 180), interpolation=cv2.INTER_CUBIC)
NOISES = [RNG.normal(0, 1, STREET.shape).astype(np.float32) for _ in range(50)]


class Street:
    """A camera on an empty street: frames with noise, and the gate that is asked about each."""

    def __init__(self, noise: float, forced_s: float = 5.0) -> None:
        self.gate = MotionGate(forced_s=forced_s)
        self._noise = noise
        self._seq = 0
        self.last = fakes.scene()

    def looks(self, image: np.ndarray = STREET) -> bool:
        """Return whether the next frame is looked at."""
        height, width = image.shape[:2]
        noisy = image + self._noise * NOISES[RNG.integers(len(NOISES))][:height, :width]
        frame = Frame(np.clip(noisy, 0, 255).astype(np.uint8), self._seq, at=self._seq / RATE_HZ, read_at=0.0)
        self._seq += 1
        return self.gate.opens(frame, self.last)

    def count(self, frames: int, image: np.ndarray = STREET) -> int:
        """Return how many of the next frames are looked at."""
        return sum(self.looks(image) for _ in range(frames))


def with_person(left_px: int, height_px: int = 30) -> np.ndarray:
    """Return the street with somebody in a dark coat, whose face is a fifth of that height."""
    image = STREET.copy()
    image[100 : 100 + height_px, left_px : left_px + height_px // 3] = 70
    return image


@pytest.mark.parametrize("noise", [0.0, 4.0, 12.0])
def test_an_empty_street_is_looked_at_once_in_five_seconds_whatever_the_noise(noise):
    street = Street(noise)
    street.count(100)
    assert street.count(500) == 10


@pytest.mark.parametrize("noise", [0.0, 4.0, 12.0])
def test_somebody_who_comes_is_looked_at_in_the_first_frame_and_until_long_after(noise):
    street = Street(noise)
    street.count(123)
    assert street.looks(with_person(150))
    assert street.count(28, with_person(150)) == 28


def test_somebody_who_moves_slowly_is_noticed_once_the_movement_adds_up():
    street = Street(noise=4.0)
    street.count(123, with_person(150))
    assert any(street.looks(with_person(150 + step // 4)) for step in range(40))


def test_a_cloud_is_no_movement():
    street = Street(noise=2.0)
    street.count(100)
    assert sum(street.looks(np.clip(STREET * 1.0 - level / 4, 0, 255)) for level in range(100)) == 2


def test_what_flickers_by_itself_opens_the_gate_no_more_once_it_is_known():
    street = Street(noise=2.0)
    screen = [STREET.copy(), STREET.copy()]
    for image, level in zip(screen, (100, 118), strict=True):
        image[10:40, 250:300] = level
    for _ in range(100):
        street.looks(screen[RNG.integers(2)])
    assert sum(street.looks(screen[RNG.integers(2)]) for _ in range(200)) <= 8


@pytest.mark.parametrize(
    "known",
    [
        fakes.scene((fakes.track(seen=False),)),
        fakes.scene(episodes=("open",)),
        replace(fakes.scene(), faces=fakes.faces((10, 10, 30, 30))),
    ],
    ids=["a person out of sight", "an open episode", "a face that is nobody yet"],
)
def test_while_anybody_is_known_every_frame_is_looked_at(known):
    street = Street(noise=0.0)
    street.count(100)
    street.last = known
    assert street.count(50) == 50
    street.last = fakes.scene()
    assert street.count(28) == 28
    street.count(3)
    assert street.count(100) == 2


def test_at_rest_0_every_frame_is_looked_at():
    assert Street(noise=0.0, forced_s=0.0).count(50) == 50


def test_a_camera_that_changes_its_size_is_looked_at():
    street = Street(noise=0.0)
    street.count(100)
    assert street.looks(np.ascontiguousarray(STREET[:90, :160]))


def test_a_small_image_of_the_camera_is_what_is_compared():
    gate, last = MotionGate(forced_s=5.0), fakes.scene()
    frames = [Frame(STREET, seq, at=seq / RATE_HZ, read_at=0.0, small=STREET[::2, ::2]) for seq in range(60)]
    assert sum(gate.opens(frame, last) for frame in frames) == 2
    changed = replace(frames[-1], at=6.1, small=with_person(150, 60)[::2, ::2])
    assert gate.opens(changed, last)
