"""What the product observes of the faces of labelled images, with their true labels: for the reference of drift."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.boxes import iou
from edge.data import Frame
from edge.monitor.drift.quantities import QUANTITIES, observations
from models.train.sources import LABELS, LabelledImage, labelled_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from edge.data import Faces, Image
    from edge.stages import Models
    from models.train.sources import Source

    Change = Callable[[Image], Image]

_MATCH_IOU = 0.3
"""As in `edge.evaluation.matching`: sources draw their boxes differently."""
UNLABELLED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """N classified faces.

    values: float32 (N, len(QUANTITIES)).  probabilities: float32 (N, 3).
    labels: int64 (N,), place in LABELS, or UNLABELLED.  images: int64 (N,), number of the image.
    """

    values: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    images: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Observed:
        """Return the faces of some rows."""
        return Observed(*(getattr(self, entry.name)[rows] for entry in fields(self)))

    def save(self, path: Path) -> None:
        """Write the faces to `path`."""
        np.savez_compressed(path, **{entry.name: getattr(self, entry.name) for entry in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Observed:
        """Return the faces that `save` wrote."""
        with np.load(path) as arrays:
            return cls(**{entry.name: arrays[entry.name] for entry in fields(cls)})


def joined(parts: Iterable[Observed]) -> Observed:
    """Return all faces of `parts`; images of different parts get different numbers."""
    found, offset = [], 0
    for part in parts:
        found.append((part.values, part.probabilities, part.labels, part.images + offset))
        offset += int(part.images.max(initial=-1)) + 1
    return Observed(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def observe(
    root: Path, source: Source, models: Models, *, most: int | None = None, change: Change | None = None
) -> Observed:
    """Return what is observed of the faces in the images of a source.

    most: of how many images, drawn at random; None: of all.
    change: returns a changed image; its size may be another, then the labelled boxes are scaled with it.
    """
    images = list(labelled_images(root, source))
    if most is not None and most < len(images):
        images = [images[at] for at in np.sort(np.random.default_rng(0).permutation(len(images))[:most])]
    parts = [_of_image(root, labelled, models, change, number) for number, labelled in enumerate(images)]
    return Observed(
        *(np.concatenate([getattr(part, entry.name) for part in parts if part]) for entry in fields(Observed))
    )


def _of_image(
    root: Path, labelled: LabelledImage, models: Models, change: Change | None, number: int
) -> Observed | None:
    image = cv2.imread(str(root / labelled.source / labelled.file))
    if image is None:
        return None
    shown = image if change is None else change(image)
    frame = Frame(shown, number, at=0.0, read_at=0.0)
    faces = models.detector.detect(frame)
    if not labelled.boxes:
        faces = faces.take(_largest(faces))
    verdicts = models.classify(frame, faces)
    values = observations(faces, verdicts, shown).reshape(-1, len(QUANTITIES))
    labels = _labels(labelled, faces, shown.shape[1] / image.shape[1])
    found = Observed(values, verdicts.probabilities, labels, np.full(len(faces), number))
    return found.take(np.array(verdicts.accepted, np.int64))


def _largest(faces: Faces) -> list[int]:
    """Return the row of the largest face, of an image that is labelled as a whole."""
    areas = (faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(1)
    return [int(areas.argmax())] if len(faces) else []


def _labels(labelled: LabelledImage, faces: Faces, scale: float) -> NDArray[np.int64]:
    """Return the true label of each face, by the labelled box that it overlaps most."""
    if not labelled.boxes:
        return np.full(len(faces), LABELS.index(labelled.label))
    truth = np.array([box[:4] for box in labelled.boxes], np.float32) * np.float32(scale)
    names = np.array([LABELS.index(box[4]) for box in labelled.boxes])
    overlap = iou(faces.boxes, truth)
    return np.where(overlap.max(1, initial=0) >= _MATCH_IOU, names[overlap.argmax(1)], UNLABELLED).astype(np.int64)
