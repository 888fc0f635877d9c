"""Read the images of a data set, their colours changed before they are classified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.batch.images import read_frame
from edge.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from edge.data import Frame, Image
    from edge.evaluation.dataset import LabelledImage

    Change = Callable[[Image], Image]


def read_frames(
    images: Iterable[LabelledImage], change: Change, on_bad: Callable[[CameraError], None]
) -> Iterator[tuple[LabelledImage, Frame | None]]:
    """Yield each image with its frame; None for one that cannot be read, whose error goes to `on_bad`."""
    for image in images:
        try:
            frame = read_frame(image.path, change)
        except CameraError as error:
            on_bad(error)
            yield image, None
        else:
            yield image, frame


def plain(image: Image) -> Image:
    """Return the image unchanged."""
    return image


def grey(image: Image) -> Image:
    """Return the image without colour."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def swapped(image: Image) -> Image:
    """Return the image with red and blue exchanged."""
    return np.ascontiguousarray(image[..., ::-1])


COLOURS: dict[str, Change] = {"plain": plain, "grey": grey, "swapped": swapped}
"""Changes of colour before classification: a model that knows masks by their colour fails on the last two."""
