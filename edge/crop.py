"""The square about a face that a network sees: one function, used both in training and at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge.data import Floats, Image

Square = tuple[int, int, int]
"""Left, top and side in pixels of the image; it may reach beyond the border."""


def crop_face(image: Image, box: Floats, *, size_px: int, margin: float, shift: float = 0.0) -> Image:
    """Return uint8 (size_px, size_px, 3): the square about a face box, in the colour order of `image`."""
    return cut(image, square_about(box, margin, shift=shift), size_px)


def square_about(box: Floats, margin: float, *, shift: float = 0.0) -> Square:
    """Return the square whose side is the longer side of a box plus `margin` of it at both ends.

    shift: how far its centre lies below that of the box, in longer sides of the box: masks hang below chins.
    """
    longer = float(max(box[2] - box[0], box[3] - box[1]))
    side = max(2.0, longer * (1 + 2 * margin))
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2 + shift * longer
    left, top = (round(float(centre) - side / 2) for centre in middle)
    return left, top, max(2, round(side))


def cut(image: Image, square: Square, size_px: int) -> Image:
    """Return uint8 (size_px, size_px, 3): a square of an image; what lies outside the image repeats its border.

    Shrinking averages (INTER_AREA: cheap on a crop, and free of moiré on printed masks).
    """
    content = _content(image, *square)
    shrink = content.shape[0] > size_px
    return cv2.resize(content, (size_px, size_px), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)  # type: ignore[return-value]


def _content(image: Image, left: int, top: int, side: int) -> Image:
    """Return the square of `side` pixels at (left, top), its border repeated where it leaves the image."""
    height, width = image.shape[:2]
    x1, y1 = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    x2, y2 = max(min(left + side, width), x1 + 1), max(min(top + side, height), y1 + 1)
    inside = image[y1:y2, x1:x2]
    if inside.shape[:2] == (side, side):
        return inside
    before_x, before_y = min(max(-left, 0), side - 1), min(max(-top, 0), side - 1)
    after_x, after_y = side - before_x - (x2 - x1), side - before_y - (y2 - y1)
    if min(after_x, after_y) < 0:  # the square lies entirely outside the image
        return np.broadcast_to(inside[:1, :1], (side, side, 3)).copy()
    return cv2.copyMakeBorder(inside, before_y, after_y, before_x, after_x, cv2.BORDER_REPLICATE)  # type: ignore[return-value]
