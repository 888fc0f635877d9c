"""Pictures judged by detector, crop and classifier: the one way of `detect`, `evaluate`, `compare` and training."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.batch.rows import picture_row
from edge.capture.files import read_picture
from edge.data import Frame
from edge.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from edge.data import Faces, Image
    from edge.evaluation.dataset import Labelled
    from edge.stages import Models

    Change = Callable[[Image], Image]


def read_frame(path: Path, change: Change | None = None) -> Frame:
    """Return a picture as a frame.

    Raises:
        CameraError: it cannot be read or is no picture.
    """
    image = read_picture(path)
    return Frame(image if change is None else change(image), 0, at=0.0, read_at=time.monotonic())


def judged(source: str, frame: Frame, models: Models) -> dict[str, Any]:
    """Return the row of a picture, as `maskwatch detect --json` writes it."""
    return row_of(source, frame, models.detector.detect(frame), models)


def row_of(source: str, frame: Frame, faces: Faces, models: Models) -> dict[str, Any]:
    """Return the row of a picture whose faces have been found."""
    return picture_row(source, frame, faces, models.classifier.classify(frame, faces.boxes))


def frames(
    pictures: Iterable[Labelled], change: Change, on_bad: Callable[[CameraError], None]
) -> Iterator[tuple[Labelled, Frame | None]]:
    """Yield each picture with its frame, None where it cannot be read, which is told."""
    for picture in pictures:
        try:
            frame = read_frame(picture.path, change)
        except CameraError as error:
            on_bad(error)
            yield picture, None
        else:
            yield picture, frame


def plain(image: Image) -> Image:
    """Return the picture as it is."""
    return image


def grey(image: Image) -> Image:
    """Return the picture without colour."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def swapped(image: Image) -> Image:
    """Return the picture with red and blue exchanged."""
    return np.ascontiguousarray(image[..., ::-1])


COLOURS: dict[str, Change] = {"plain": plain, "grey": grey, "swapped": swapped}
"""What may be done to a picture before it is judged: a model that knows masks by their colour fails at the others."""
