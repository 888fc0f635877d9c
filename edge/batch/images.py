"""Classify the faces of images: the one way of `detect`, `evaluate`, `compare` and training."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.batch.rows import image_row
from edge.capture.files import read_picture
from edge.data import Frame
from edge.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from edge.data import Faces, Image
    from edge.evaluation.dataset import LabelledImage
    from edge.stages import Models

    Change = Callable[[Image], Image]


def read_frame(path: Path, change: Change | None = None) -> Frame:
    """Return an image file as a frame, passed through `change`.

    Raises:
        CameraError: it cannot be read or is not an image.
    """
    image = read_picture(path)
    return Frame(image if change is None else change(image), 0, at=0.0, read_at=time.monotonic())


def classify_frame(source: str, frame: Frame, models: Models) -> dict[str, Any]:
    """Detect and classify the faces of an image; return its row as `maskwatch detect --json` writes it."""
    return classify_faces(source, frame, models.detector.detect(frame), models)


def classify_faces(source: str, frame: Frame, faces: Faces, models: Models) -> dict[str, Any]:
    """Classify faces that have been detected in an image; return the row of the image."""
    return image_row(source, frame, faces, models.classifier.classify(frame, faces.boxes))


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
