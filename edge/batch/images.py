"""Classify the faces of images: the one way of `detect`, `evaluate`, `compare` and training."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from edge.batch.rows import image_row
from edge.capture.files import read_image
from edge.data import Frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.data import Faces, Image
    from edge.stages import Models


def read_frame(path: Path, change: Callable[[Image], Image] | None = None) -> Frame:
    """Return an image file as a frame, passed through `change`.

    Raises:
        CameraError: it cannot be read or is not an image.
    """
    image = read_image(path)
    return Frame(image if change is None else change(image), 0, at=0.0, read_at=time.monotonic())


def classify_frame(source: str, frame: Frame, models: Models) -> dict[str, Any]:
    """Detect and classify the faces of an image; return its row as `maskwatch detect --json` writes it."""
    return classify_faces(source, frame, models.detector.detect(frame), models)


def classify_faces(source: str, frame: Frame, faces: Faces, models: Models) -> dict[str, Any]:
    """Classify faces that have been detected in an image; return the row of the image, without what is no face."""
    verdicts = models.classify(frame, faces)
    return image_row(source, frame, faces.take(verdicts.accepted), verdicts.take(verdicts.accepted))
