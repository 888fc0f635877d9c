"""Compose a scene: paste photographs moved by an affine map, and keep track of the faces in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.face.augment import MIRRORED_POINTS

if TYPE_CHECKING:
    from edge.data import Floats, Image
    from models.train.face.photos import Photo

_SHOWN_SHARE = 0.7
"""Minimum share of a box inside its tile; less of a face does not count as one."""
EMPTY = 255


@dataclass(slots=True, eq=False)
class Canvas:
    """An unfinished scene at twice the training size.

    boxes, landmarks: of the faces pasted so far, float32 (N, 4) and (N, 5, 2), NaN where unknown.
    empty: uint8 (H, W), 255 where a photograph without people shows.
    """

    image: Image
    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    landmarks: Floats = field(default_factory=lambda: np.zeros((0, 5, 2), np.float32))
    empty: Image = field(init=False)

    def __post_init__(self) -> None:
        """Start with a background that is not known to be empty."""
        self.empty = np.zeros(self.image.shape[:2], np.uint8)

    def hide(self, x: float, y: float, w: float, h: float) -> None:
        """Forget the faces whose centre is inside a box: something lies over them."""
        centres = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
        inside = ((centres >= (x, y)) & (centres < (x + w, y + h))).all(1)
        self.boxes, self.landmarks = self.boxes[~inside], self.landmarks[~inside]


@dataclass(frozen=True, slots=True)
class Placing:
    """Where and how a photograph is pasted.

    box: the tile, x, y, w, h in px of the canvas.  corner: px from the tile's corner to the photograph's.
    turn_deg: roll, anticlockwise.  squash: height by width of what was square, below 1 for a head bent down.
    """

    box: tuple[int, int, int, int]
    scale: float
    corner: Floats
    turn_deg: float = 0.0
    squash: float = 1.0
    mirror: bool = False


def paste(canvas: Canvas, photo: Photo, placing: Placing) -> None:
    """Paste a photograph into its tile."""
    x, y, w, h = placing.box
    canvas.hide(x, y, w, h)
    shrunk = min(1.0, placing.scale)
    size = tuple(max(1, round(n * shrunk)) for n in photo.image.shape[1::-1])
    matrix = _matrix(size, placing, shrunk)
    image, mask, boxes, landmarks = _mirrored(photo) if placing.mirror else _upright(photo)
    for source, target, how in ((image, canvas.image, cv2.INTER_AREA), (mask, canvas.empty, cv2.INTER_NEAREST)):
        tile = target[y : y + h, x : x + w]
        small = cv2.resize(source, size, interpolation=how)
        flags = cv2.INTER_LINEAR if how == cv2.INTER_AREA else cv2.INTER_NEAREST
        cv2.warpAffine(small, matrix, (w, h), dst=tile, flags=flags, borderMode=cv2.BORDER_TRANSPARENT)
    _note(canvas, placing.box, *_moved(boxes * shrunk, landmarks * shrunk, matrix))


def _matrix(size: tuple[int, ...], placing: Placing, shrunk: float) -> Floats:
    """Return the affine map (2, 3) from the shrunk photograph to the tile."""
    rest = placing.scale / shrunk
    matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), placing.turn_deg, rest)
    matrix[:, 2] += placing.corner + np.array(size) * (rest - 1) / 2
    middle = placing.corner[1] + size[1] * rest / 2
    matrix[1] *= placing.squash
    matrix[1, 2] += middle * (1 - placing.squash)
    return matrix  # type: ignore[return-value]


def _upright(photo: Photo) -> tuple[Image, Image, Floats, Floats]:
    return photo.image, _emptiness(photo), photo.boxes, photo.landmarks


def _mirrored(photo: Photo) -> tuple[Image, Image, Floats, Floats]:
    width = photo.image.shape[1]
    boxes = photo.boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    landmarks = photo.landmarks[:, MIRRORED_POINTS] * [-1, 1] + [width, 0]
    return photo.image[:, ::-1], _emptiness(photo)[:, ::-1], boxes, landmarks


def _emptiness(photo: Photo) -> Image:
    """Return uint8 (H, W): 255 where the photograph is known to have no face."""
    mask = np.full(photo.image.shape[:2], 0 if photo.maybe is None else EMPTY, np.uint8)
    for x1, y1, x2, y2 in () if photo.maybe is None else photo.maybe:
        spare = (x2 - x1) / 4
        corners = [max(0, int(n)) for n in (x1 - spare, y1 - spare, x2 + spare, y2 + spare)]
        mask[corners[1] : corners[3] + 1, corners[0] : corners[2] + 1] = 0
    return mask


def _moved(boxes: Floats, landmarks: Floats, matrix: Floats) -> tuple[Floats, Floats]:
    """Return the boxes of the ellipses inside boxes, and landmarks, moved by an affine map."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (matrix[:, :2] ** 2).T)
    return np.concatenate([centres - half, centres + half], 1), landmarks @ matrix[:, :2].T + matrix[:, 2]


def _note(canvas: Canvas, box: tuple[int, int, int, int], boxes: Floats, landmarks: Floats) -> None:
    """Add the faces, in px of the tile, that are mostly inside it."""
    x, y, w, h = box
    inside = (np.minimum(boxes[:, 2:], (w, h)) - np.maximum(boxes[:, :2], 0)).clip(0).prod(1)
    shown = inside >= _SHOWN_SHARE * (boxes[:, 2:] - boxes[:, :2]).prod(1).clip(1e-6)
    moved = (boxes[shown] + [x, y, x, y]).astype(np.float32)
    canvas.boxes = np.concatenate([canvas.boxes, moved])
    canvas.landmarks = np.concatenate([canvas.landmarks, (landmarks[shown] + [x, y]).astype(np.float32)])
