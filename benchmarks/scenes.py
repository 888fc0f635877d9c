"""The frames that the benchmarks of the loop share: people of the demo side by side on its street, 1280 x 720 px."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.capture.demo import DemoCamera
from edge.capture.picamera import fitted
from edge.data import Frame
from edge.paths import demo as demo_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge.data import Image

SIZE_PX = (1280, 720)
RATE_HZ = 10.0
PEOPLE = ("astronaut_bare", "hopper_masked", "astronaut_masked", "hopper_bare", "astronaut_under_nose")
_EMPTY_S = 35.5
"""A second of the demo in which nobody is on the street."""
_BLUR_PX = 8.0
"""Of the street behind the people, in which a detector without a verifier takes windows for faces."""
PERSON_PX = 300
"""Height of a person; the box of the face is about 86 px wide and 105 px tall, as two metres from a camera of 66°."""
_DISTINCT = 8
"""Images that a scene repeats: people sway by a pixel or two, and the noise differs."""


def images(faces: int, person_px: int = PERSON_PX) -> list[Image]:
    """Return the distinct images of a scene with up to five faces, uint8 (720, 1280, 3) BGR."""
    street = cv2.GaussianBlur(cv2.resize(DemoCamera().scene(_EMPTY_S), SIZE_PX), (0, 0), _BLUR_PX)
    people = [_person(name, person_px) for name in PEOPLE[:faces]]
    return [_image(street, people, number) for number in range(_DISTINCT)]


def small_of(image: Image, input_px: tuple[int, int]) -> Image:
    """Return an image as the camera's second stream delivers it to a detector whose input has this width and height."""
    return cv2.resize(image, fitted(SIZE_PX, input_px), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def frames(faces: int, input_px: tuple[int, int], count: int, person_px: int = PERSON_PX) -> Iterator[Frame]:
    """Yield frames with their small image, at 10 per second."""
    pairs = [(image, small_of(image, input_px)) for image in images(faces, person_px)]
    for number, (image, small) in enumerate(islice(cycle(pairs), count)):
        yield Frame(image, number, at=number / RATE_HZ, read_at=number / RATE_HZ, small=small)


def _person(name: str, height_px: int) -> NDArray[np.float32]:
    """Return a person as float32 (h, w, 4), BGR 0 to 255 and alpha 0 to 1."""
    sprite = cv2.imread(str(demo_folder() / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    if sprite is None:
        raise FileNotFoundError(demo_folder() / f"{name}.png")
    scale = height_px / sprite.shape[0]
    shrunk = cv2.resize(sprite, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    shrunk[:, :, 3] /= 255
    return shrunk  # type: ignore[return-value]


def _image(street: NDArray[np.uint8], people: list[NDArray[np.float32]], number: int) -> Image:
    image = street.copy()
    for place, person in enumerate(people):
        height, width = person.shape[:2]
        middle = (place + 1) * SIZE_PX[0] // (len(people) + 1) + number % 3
        left, top = max(0, middle - width // 2), SIZE_PX[1] - height
        part = image[top:, left : left + width]
        colour, alpha = np.split(person[:, : part.shape[1]], [3], axis=2)
        part[:] = colour * alpha + part * (1 - alpha)
    noise = np.random.default_rng(number).integers(0, 5, image.shape, np.uint8)
    return cv2.add(image, noise)  # type: ignore[return-value]
