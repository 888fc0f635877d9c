"""Face crops for training: one array of crops with labels and landmarks, stored as an .npz file."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.crop import crop_face

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Array = NDArray[np.float64]

MARGIN = 0.2
"""Share of the box that the product's crop adds on each side; `crop_margin` in model.toml."""
SHIFT = 0.1
"""How far the crop lies below the box, as a share of it, so that masks on the chin are in it; `crop_shift`."""
STORE_MARGIN = 0.47
"""The margin of stored crops: enough border to rotate, shift and scale them, and to draw below the chin."""
STORE_PX = 128


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """N stored faces.

    crops: uint8 (N, STORE_PX, STORE_PX, 3), BGR, cut by `crop_face` with STORE_MARGIN and SHIFT.
    landmarks: float32 (N, 5, 2), px of the crop; NaN if the detector did not find the face.
    labels: int64 (N,), place in LABELS.  face_px: float32 (N,), shorter side of the box in its image.
    pictures: int64 (N,), number of the image within its source.  kinds: str (N,), "real" or what was drawn.
    """

    crops: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    labels: NDArray[np.int64]
    face_px: NDArray[np.float32]
    pictures: NDArray[np.int64]
    kinds: NDArray[np.str_]

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in self.__slots__}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"stored faces differ in number: {lengths}")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Faces:
        """Return the faces of some rows."""
        return replace(self, **{entry.name: getattr(self, entry.name)[rows] for entry in fields(self)})

    def save(self, path: Path) -> None:
        """Write the faces to `path`, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.stem + ".partial.npz")
        np.savez(partial, **{entry.name: getattr(self, entry.name) for entry in fields(self)})
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Faces:
        """Return the faces that `save` wrote."""
        with np.load(path) as arrays:
            return cls(**{entry.name: arrays[entry.name] for entry in fields(cls)})


def concatenated(parts: list[Faces]) -> Faces:
    """Return all faces of `parts`; images of different parts get different numbers."""
    offsets = np.cumsum([0, *(int(part.pictures.max(initial=-1)) + 1 for part in parts[:-1])])
    moved = [replace(part, pictures=part.pictures + offset) for part, offset in zip(parts, offsets, strict=True)]
    return Faces(
        **{entry.name: np.concatenate([getattr(part, entry.name) for part in moved]) for entry in fields(Faces)}
    )


def stored(image: Image, box: Array, landmarks: Array | None) -> tuple[Image, NDArray[np.float32]]:
    """Return the crop of one face as it is stored, and its landmarks in pixels of the crop (NaN if None)."""
    crop = crop_face(image, np.asarray(box, np.float32), size_px=STORE_PX, margin=STORE_MARGIN, shift=SHIFT)
    if landmarks is None:
        return crop, np.full((5, 2), np.nan, np.float32)
    longer = max(box[2] - box[0], box[3] - box[1])
    side = longer * (1 + 2 * STORE_MARGIN)
    corner = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2 + SHIFT * longer]) - side / 2
    return crop, ((np.asarray(landmarks) - corner) * STORE_PX / side).astype(np.float32)


def as_served(crop: Image, size_px: int) -> Image:
    """Return the middle of a stored crop as the product would crop it: uint8 (size_px, size_px, 3)."""
    share = (1 + 2 * MARGIN) / (1 + 2 * STORE_MARGIN)
    side = round(STORE_PX * share)
    start = (STORE_PX - side) // 2
    middle = crop[start : start + side, start : start + side]
    shrink = side > size_px
    return np.asarray(
        cv2.resize(middle, (size_px, size_px), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR), np.uint8
    )
