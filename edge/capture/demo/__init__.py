"""The built-in demo: two people on a drawn street who put masks on, wear them wrongly and take them off.

To the rest of the program it is a camera like any other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.capture import CameraImage
from edge.errors import CameraError
from edge.paths import demo as demo_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge.data import Image

PERIOD_S = 36.0
"""Length of the demo, which then repeats."""
_SIZE_PX = (960, 540)
_RATE_HZ = 12.0
_PERSON_PX = 340
"""Height of a person's image; the face in it is about 90 px wide."""
_BOB_PX, _BOB_HZ = 3.0, 1.3


@dataclass(frozen=True, slots=True)
class _Role:
    """Where a person is (seconds of the demo, share of the width), and what they wear from which second on."""

    name: str
    path: tuple[tuple[float, float], ...]
    wears: tuple[tuple[float, str], ...]

    def place(self, at: float) -> float:
        times, places = zip(*self.path, strict=True)
        return float(np.interp(at, times, places))

    def variant(self, at: float) -> str:
        return [name for since, name in self.wears if since <= at][-1]


_ROLES = (
    _Role(
        "astronaut",
        ((0.0, 0.08), (2.0, 0.28), (25.0, 0.33), (31.0, -0.25), (36.0, -0.25)),
        ((0.0, "bare"), (9.0, "under_nose"), (14.0, "masked")),
    ),
    _Role(
        "hopper",
        ((0.0, 1.25), (5.0, 1.25), (9.0, 0.72), (30.0, 0.67), (35.0, 1.25), (36.0, 1.25)),
        ((0.0, "masked"), (17.0, "bare"), (24.0, "masked")),
    ),
)


class DemoCamera:
    """Camera that plays the demo in real time."""

    def __init__(
        self, *, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Start the demo.

        Raises:
            CameraError: the images of the people are missing.
        """
        self._monotonic, self._sleep = monotonic, sleep
        self._street = _marked(_street())
        self._people = {
            (role.name, variant): _sprite(f"{role.name}_{variant}")
            for role in _ROLES
            for variant in {name for _, name in role.wears}
        }
        self._noise = np.random.default_rng(3).integers(0, 5, (_SIZE_PX[1] + 32, _SIZE_PX[0] + 32, 3), np.uint8)
        self._began_at = monotonic()
        self._read = 0

    def read(self) -> CameraImage | None:
        """Wait for the next frame of the demo and return it."""
        self._read += 1
        due_at = self._began_at + self._read / _RATE_HZ
        self._sleep(max(0.0, due_at - self._monotonic()))
        return CameraImage(self.scene((due_at - self._began_at) % PERIOD_S))

    def scene(self, at: float) -> Image:
        """Return the image at `at` seconds of the demo, uint8 (540, 960, 3) BGR."""
        image = self._street.copy()
        for number, role in enumerate(_ROLES):
            bob = _BOB_PX * np.sin(2 * np.pi * (_BOB_HZ * at + number / 3))
            sprite = self._people[role.name, role.variant(at)]
            left = round(role.place(at) * _SIZE_PX[0] - sprite.shape[1] / 2)
            _paste(image, sprite, left, round(_SIZE_PX[1] - sprite.shape[0] + 6 + bob))
        return self._with_noise(image, at)

    def _with_noise(self, image: Image, at: float) -> Image:
        """Return an image with sensor noise, so that no two are identical."""
        across, down = int(at * _RATE_HZ) % 31, int(at * _RATE_HZ) // 31 % 31
        noise = self._noise[down : down + image.shape[0], across : across + image.shape[1]]
        return cv2.add(image, noise).astype(np.uint8, copy=False)

    def close(self) -> None:
        """Hold nothing open."""


def _sprite(name: str) -> NDArray[np.float32]:
    """Return a person as float32 (h, w, 4), BGR 0 to 255 and alpha 0 to 1."""
    path = demo_folder() / f"{name}.png"
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise CameraError(f"{path}: cannot be read; fix: install maskwatch again")
    scale = _PERSON_PX / image.shape[0]
    sprite = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    sprite[:, :, 3] /= 255
    return sprite


def _paste(image: Image, sprite: NDArray[np.float32], left: int, top: int) -> None:
    """Draw a person over an image, cropped at its border."""
    height, width = image.shape[:2]
    x1, x2 = max(left, 0), min(left + sprite.shape[1], width)
    y1, y2 = max(top, 0), min(top + sprite.shape[0], height)
    if x1 >= x2 or y1 >= y2:
        return
    part = sprite[y1 - top : y2 - top, x1 - left : x2 - left]
    alpha = part[:, :, 3:]
    image[y1:y2, x1:x2] = part[:, :, :3] * alpha + image[y1:y2, x1:x2] * (1 - alpha)


def _street() -> Image:
    """Return a street with houses, a pavement and a bus stop, uint8 (540, 960, 3) BGR."""
    width, height = _SIZE_PX
    rng = np.random.default_rng(7)
    sky = np.linspace((214, 190, 160), (232, 222, 210), height)[:, None]
    image = np.broadcast_to(sky, (height, width, 3)).astype(np.uint8).copy()
    for left in range(-20, width, 120):
        _house(image, left, int(rng.integers(90, 190)), int(rng.integers(95, 150)))
    cv2.rectangle(image, (0, 400), (width, height), (120, 122, 124), cv2.FILLED)
    cv2.rectangle(image, (0, 396), (width, 404), (165, 168, 170), cv2.FILLED)
    cv2.rectangle(image, (470, 90), (476, 470), (70, 72, 76), cv2.FILLED)
    cv2.circle(image, (473, 84), 34, (60, 150, 60), cv2.FILLED, cv2.LINE_AA)
    cv2.putText(image, "BUS", (446, 92), cv2.FONT_HERSHEY_DUPLEX, 0.75, (255, 255, 255), 2, cv2.LINE_AA)
    noisy = image + rng.normal(0, 3, image.shape)
    return np.clip(cv2.GaussianBlur(noisy, (0, 0), 1.2), 0, 255).astype(np.uint8)


def _marked(street: Image) -> Image:
    """Return the street with the word DEMO on the road, so that nobody takes it for a camera's image."""
    return cv2.putText(street.copy(), "DEMO", (800, 530), cv2.FONT_HERSHEY_DUPLEX, 1.6, (90, 70, 50), 3, cv2.LINE_AA)  # type: ignore[return-value]


def _house(image: Image, left: int, top: int, grey: int) -> None:
    cv2.rectangle(image, (left, top), (left + 112, 400), (grey, grey + 6, grey + 12), cv2.FILLED)
    for y in range(top + 18, 370, 46):
        for x in range(left + 14, left + 100, 32):
            cv2.rectangle(image, (x, y), (x + 18, y + 26), (grey - 50, grey - 48, grey - 44), cv2.FILLED)
