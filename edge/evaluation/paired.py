"""Two sets of models on the same labelled images: which faces each classified correctly, and the slices of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.batch.images import classify_faces, classify_frame
from edge.crop import crop_face
from edge.data import CLASSES, Mask
from edge.evaluation.dataset import LABELS
from edge.evaluation.images import plain, read_frames
from edge.evaluation.matching import NO_FACE, largest, outcomes
from edge.evaluation.metrics import correct
from edge.evaluation.pose import POSES, PoseReference
from edge.monitor.conditions import LIGHTS, SIZES, SIZES_PX, light_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from rich.progress import Progress

    from edge.data import Frame
    from edge.errors import CameraError
    from edge.evaluation.dataset import Dataset, LabelledImage
    from edge.evaluation.matching import Outcomes
    from edge.stages import Models

    Row = dict[str, Any]

_BARE = CLASSES.index(Mask.WITHOUT_MASK)
_CUT_PX = 32


@dataclass(frozen=True, slots=True, eq=False)
class PairedFaces:
    """F faces: the labelled ones, and those that a model called bare where nobody is labelled.

    image: int64 (F,), number of the image.  label: int64 (F,), place in LABELS, or NO_FACE.
    correct: bool (F, 2), whether champion and challenger were right; a model that called nobody bare is wrong.
    slices: bool (F,) by name, the labelled faces of each.
    """

    image: NDArray[Any]
    label: NDArray[Any]
    correct: NDArray[Any]
    slices: dict[str, NDArray[Any]]

    def __post_init__(self) -> None:
        shapes = {
            self.image.shape,
            self.label.shape,
            self.correct.shape[:1],
            *(of.shape for of in self.slices.values()),
        }
        if len(shapes) != 1:
            raise ValueError(f"the columns differ in length: {shapes}")

    def differences(self, here: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return by image how much larger the challenger's share of right faces is, float64 (N,), -1 to 1.

        An image is one value however many faces it shows, since these are alike.  here: which faces, bool (F,).
        """
        chosen = np.ones(len(self.image), bool) if here is None else here
        _, place = np.unique(self.image[chosen], return_inverse=True)
        gains = self.correct[chosen, 1].astype(float) - self.correct[chosen, 0]
        return np.asarray(np.bincount(place, gains) / np.maximum(np.bincount(place), 1))


def pair(
    dataset: Dataset, champion: Models, challenger: Models, progress: Progress, on_bad: Callable[[CameraError], None]
) -> PairedFaces:
    """Classify every image with both sets of models; an unreadable image counts as one in which nobody was found."""
    reference = PoseReference()
    rows: tuple[list[Row], list[Row]] = ([], [])
    poses, lights = [], []
    for image, frame in read_frames(progress.track(dataset.images, description=dataset.name), plain, on_bad):
        both = ({"source": str(image.path), "faces": []},) * 2 if frame is None else _both(frame, champion, challenger)
        for place in (0, 1):
            rows[place].append(both[place])
        boxes = _boxes(image, both)
        poses.append(_measured(reference, image, frame, boxes))
        lights.append(_lights(image, frame, boxes))
    a, b = outcomes(dataset, rows[0]), outcomes(dataset, rows[1])
    return _joined(a, b, np.concatenate(poses), np.concatenate(lights), dataset.kinds)


def _both(frame: Frame, champion: Models, challenger: Models) -> tuple[Row, Row]:
    """Return the rows of an image; where both find faces with the same model, it finds them once."""
    if champion.specs["face"] != challenger.specs["face"]:
        return classify_frame("", frame, champion), classify_frame("", frame, challenger)
    faces = champion.detector.detect(frame)
    return classify_faces("", frame, faces, champion), classify_faces("", frame, faces, challenger)


def _boxes(image: LabelledImage, rows: tuple[Row, Row]) -> NDArray[Any]:
    """Return the boxes of the labelled faces, float32 (N, 4); of an image without boxes, where a model found a face."""
    if len(image.boxes) == len(image.labels):
        return image.boxes
    found: list[Row] = next((row["faces"] for row in rows if row["faces"]), [])
    return np.array([largest(found)["box"]] if found else [], np.float32).reshape(-1, 4)


def _measured(reference: PoseReference, image: LabelledImage, frame: Frame | None, boxes: NDArray[Any]) -> NDArray[Any]:
    """Return the poses of the labelled faces, bool (N, len(POSES)); unknown where there is no box."""
    if frame is None or len(boxes) < len(image.labels):
        return np.tile(np.array(POSES) == "unknown", (len(image.labels), 1))
    return reference.poses(frame, boxes)


def _lights(image: LabelledImage, frame: Frame | None, boxes: NDArray[Any]) -> NDArray[Any]:
    """Return the light of each labelled face, place in LIGHTS, int64 (N,); -1 where there is no box."""
    if frame is None or len(boxes) < len(image.labels):
        return np.full(len(image.labels), -1)
    crops = [crop_face(frame.image, box, size_px=_CUT_PX, margin=0.0) for box in boxes]
    return np.array([light_of(crop) for crop in crops], np.int64)


def _joined(
    a: Outcomes, b: Outcomes, poses: NDArray[Any], lights: NDArray[Any], kinds: dict[str, NDArray[Any]]
) -> PairedFaces:
    """Join the outcomes of both: first the labelled faces in their order, then the false ones of each."""
    rows_a, rows_b = (_labelled(o) for o in (a, b))
    false_a, false_b = (_called_bare(o) for o in (a, b))
    labelled = np.stack([correct(a)[rows_a], correct(b)[rows_b]], 1)
    wrong = np.array([[False, True]] * len(false_a) + [[True, False]] * len(false_b), bool).reshape(-1, 2)
    false = len(wrong)
    face = a.face[rows_a]
    of = slices(a.label[rows_a], a.side_px[rows_a], lights[face], poses[face]) | {k: v[face] for k, v in kinds.items()}
    return PairedFaces(
        np.concatenate([a.image[rows_a], a.image[false_a], b.image[false_b]]),
        np.concatenate([a.label[rows_a], np.full(false, NO_FACE)]),
        np.concatenate([labelled, wrong]),
        {name: np.concatenate([here, np.zeros(false, bool)]) for name, here in of.items()},
    )


def slices(
    label: NDArray[Any], side_px: NDArray[Any], light: NDArray[Any], poses: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Return the slices of N labelled faces by label, size, light and pose, bool (N,) each, without what is unknown."""
    bounds = zip(SIZES, SIZES_PX, strict=True)
    return (
        {name: label == place for place, name in enumerate(LABELS)}
        | {f"{name} px": (side_px >= low) & (side_px < high) for name, (low, high) in bounds}
        | {name: light == place for place, name in enumerate(LIGHTS)}
        | {name: poses[:, place].astype(bool) for place, name in enumerate(POSES) if name != "unknown"}
    )


def _labelled(o: Outcomes) -> NDArray[Any]:
    """Return the rows of the labelled faces, in the order of their numbers, int64 (F,)."""
    rows = np.flatnonzero(o.face != NO_FACE)
    return rows[np.argsort(o.face[rows], kind="stable")]


def _called_bare(o: Outcomes) -> NDArray[Any]:
    """Return the rows of faces that were found where nobody is labelled, and called bare."""
    return np.flatnonzero((o.face == NO_FACE) & (o.verdict == _BARE))
