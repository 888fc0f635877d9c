"""What became of each labelled face, and of each face found where none is labelled: the basis of all figures."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.boxes import iou, shorter_sides
from edge.data import Mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from edge.data import Floats
    from edge.evaluation.dataset import Dataset, LabelledImage

UNSURE = 3
MISSED = 4
"""Verdicts in addition to the classes, which are the places in `edge.data.CLASSES`."""
NO_FACE = -1
"""The label of a face that was found where none is labelled."""
MIN_SIDE_PX = 16.0
"""Smaller faces are labelled in some sources and left out in others: they are not counted."""
MATCH_IOU = 0.3
"""Low, since sources draw their boxes differently: some include the hair."""
VERDICTS = (*(mask.value for mask in Mask), "missed")
"""Names of the verdicts by number."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """N faces: of each image the found ones, best score first, then the missed ones.

    image: int64, place in the dataset.  face: int64, number of the labelled face over the whole dataset, or NO_FACE.
    label: int64, class, or NO_FACE.  verdict: int64, class, UNSURE or MISSED.  best: int64, most probable class.
    side_px: float32, shorter side of the labelled box, of the found one where none is labelled.
    score, confidence: float32, 0 where missed.  box: float32 (N, 4), as found, as labelled where missed.
    """

    image: NDArray[Any]
    face: NDArray[Any]
    label: NDArray[Any]
    verdict: NDArray[Any]
    best: NDArray[Any]
    side_px: NDArray[Any]
    score: NDArray[Any]
    confidence: NDArray[Any]
    box: NDArray[Any]

    def __post_init__(self) -> None:
        lengths = {entry.name: len(getattr(self, entry.name)) for entry in fields(self)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"the columns differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.label)

    @property
    def real(self) -> NDArray[Any]:
        """Where a face is labelled, bool (N,)."""
        return np.asarray(self.label != NO_FACE)

    @property
    def found(self) -> NDArray[Any]:
        """Where a face was found, bool (N,)."""
        return np.asarray(self.verdict != MISSED)

    def take(self, rows: NDArray[Any]) -> Outcomes:
        """Return some of the faces."""
        return Outcomes(**{entry.name: getattr(self, entry.name)[rows] for entry in fields(self)})


_DTYPES = (*(np.int64,) * 5, *(np.float32,) * 4)
_Row = tuple[int, int, int, int, int, float, float, float, Any]


def outcomes(dataset: Dataset, rows: Sequence[dict[str, Any]]) -> Outcomes:
    """Return what became of the faces of a dataset; one row per image, as `maskwatch detect --json` has them."""
    listed: list[_Row] = []
    faces = 0
    of_image = _scene if dataset.is_scenes else _single
    for number, (image, row) in enumerate(zip(dataset.images, rows, strict=True)):
        listed += [(number, face + faces if face >= 0 else face, *rest) for face, *rest in of_image(image, row)]
        faces += len(image.labels)
    columns = list(zip(*listed, strict=True)) or [()] * len(_DTYPES)
    arrays = [np.array(column, dtype) for column, dtype in zip(columns, _DTYPES, strict=True)]
    arrays[-1] = arrays[-1].reshape(-1, 4)
    return Outcomes(**{entry.name: array for entry, array in zip(fields(Outcomes), arrays, strict=True)})


def _scene(image: LabelledImage, row: dict[str, Any]) -> Iterator[Any]:
    """Yield the outcomes of an image with boxes."""
    found = sorted(row["faces"], key=lambda face: -face["score"])
    boxes = np.array([face["box"] for face in found], np.float32).reshape(-1, 4)
    labelled_sides = shorter_sides(image.boxes).tolist()
    matches = matched(boxes, image.boxes)
    on_ignored = iou(boxes, image.ignored).max(1, initial=0) >= MATCH_IOU
    sides = shorter_sides(boxes).tolist()
    for face, match, ignored, side_px in zip(found, matches, on_ignored, sides, strict=True):
        if match >= 0 and labelled_sides[match] >= MIN_SIDE_PX:
            yield match, image.labels[match], *_classes(face), labelled_sides[match], *_certainty(face)
        elif match < 0 and image.complete and not ignored and side_px >= MIN_SIDE_PX:
            yield NO_FACE, NO_FACE, *_classes(face), side_px, *_certainty(face)
    for place in sorted(set(range(len(image.labels))) - set(matches)):
        if labelled_sides[place] >= MIN_SIDE_PX:
            yield place, image.labels[place], MISSED, MISSED, labelled_sides[place], 0.0, 0.0, image.boxes[place]


def _single(image: LabelledImage, row: dict[str, Any]) -> Iterator[Any]:
    """Yield the outcome of an image with one label: that of the largest face found."""
    if not row["faces"]:
        yield 0, image.labels[0], MISSED, MISSED, 0.0, 0.0, 0.0, np.zeros(4)
        return
    face = largest(row["faces"])
    side_px = float(shorter_sides(np.array([face["box"]], np.float32))[0])
    yield 0, image.labels[0], *_classes(face), side_px, *_certainty(face)


def largest(faces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the face of a row with the largest box."""
    boxes = np.array([face["box"] for face in faces], np.float32)
    return faces[int((boxes[:, 2:] - boxes[:, :2]).prod(1).argmax())]


def _classes(face: dict[str, Any]) -> tuple[int, int]:
    """Return the verdict and the most probable class of a found face."""
    return VERDICTS.index(face["label"]), VERDICTS.index(max(face["probs"], key=face["probs"].get))


def _certainty(face: dict[str, Any]) -> tuple[float, float, list[float]]:
    return face["score"], face["confidence"], face["box"]


def matched(found: Floats, truth: Floats) -> list[int]:
    """Return for each found box, best first, the labelled box that it matches, or -1; each is matched once."""
    free = iou(found, truth)
    matches = []
    for row in range(len(found)):
        best = int(free[row].argmax()) if truth.size else -1
        hit = best >= 0 and free[row, best] >= MATCH_IOU
        matches.append(best if hit else -1)
        if hit:
            free[:, best] = -1
    return matches
