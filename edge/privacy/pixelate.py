"""Pixelated images: cells of one colour over everything that may be a person, so that nobody can be recognised."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.privacy.background import every_nth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge.data import Image, Scene
    from edge.privacy.background import BackgroundModel

    Cells = NDArray[np.bool_]
    Box = tuple[float, ...]

_FACE_CELLS = 5
"""Largest number of cells across the largest face.

Source: Bachmann, Identification of spatially quantised tachistoscopic images of faces: how many pixels does it take to
carry identity?, 1991: people fail below about 18 cells per face; a third of that is used, since machines do better.
"""
_AROUND_FACE = 0.6
"""How far the cells extend beyond a face's box, in boxes, if only faces are covered."""


class Cover(StrEnum):
    """The part of an image that is pixelated; the value is the name in the settings."""

    ALL = "all"
    CHANGES = "changes"
    FACES = "faces"


class Pixelation:
    """Pixelates the images that leave the device or that others than the technician may see."""

    def __init__(self, cover: Cover, empty: BackgroundModel, *, cells: int, width_px: int = 16_384) -> None:
        """Cover what `cover` names, with at most `cells` cells across the image.

        width_px: wider images are subsampled to less than this first, since cells need no detail.
        """
        self._cover, self._empty, self._cells, self._width_px = cover, empty, cells, width_px

    def image(self, scene: Scene) -> Image | None:
        """Return the pixelated image of a scene, uint8 (H, W, 3) BGR; None if the scene has no frame."""
        if scene.frame is None:
            return None
        step = math.ceil(scene.frame.size_px[0] / self._width_px)
        image = every_nth(scene.frame.image, step)
        boxes = [tuple(side / step for side in box) for box in scene.boxes]
        cell_px = self._cell_px(image.shape[1], boxes)
        return pixelated(image, cell_px, self._covered(image, boxes, cell_px))

    def _cell_px(self, width_px: int, boxes: Sequence[Box]) -> int:
        """Return the size of a cell, from the image's width, and larger if a face is close."""
        faces = [math.ceil(max(x2 - x1, y2 - y1) / _FACE_CELLS) for x1, y1, x2, y2 in boxes]
        return max(2, round(width_px / self._cells), *faces)

    def _covered(self, image: Image, boxes: Sequence[Box], cell_px: int) -> Cells | None:
        """Return which cells are pixelated, bool (h, w); None: all."""
        if self._cover is Cover.ALL:
            return None
        size = (math.ceil(image.shape[1] / cell_px), math.ceil(image.shape[0] / cell_px))
        faces = _face_cells(boxes, size, cell_px)
        if self._cover is Cover.FACES:
            return faces
        return faces | _cells_of(self._empty.differs(image), size)


def pixelated(image: Image, cell_px: int, covered: Cells | None = None) -> Image:
    """Return an image with the `covered` cells, bool (h, w), drawn in their mean colour; None: all cells."""
    height, width = image.shape[:2]
    down, across = math.ceil(height / cell_px), math.ceil(width / cell_px)
    step = max(1, cell_px // 4)
    means = cv2.resize(every_nth(image, step), (across, down), interpolation=cv2.INTER_AREA)
    full = (across * cell_px, down * cell_px)
    result = np.asarray(cv2.resize(means, full, interpolation=cv2.INTER_NEAREST)[:height, :width], np.uint8)
    if covered is not None:
        clear = cv2.resize((~covered).astype(np.uint8), full, interpolation=cv2.INTER_NEAREST)[:height, :width]
        result = np.asarray(cv2.copyTo(image, np.ascontiguousarray(clear), np.ascontiguousarray(result)), np.uint8)
    return np.ascontiguousarray(result)


def _cells_of(differs: Cells, size: tuple[int, int]) -> Cells:
    """Return the cells that contain a differing pixel, and their neighbours: outlines differ least."""
    share = cv2.resize(differs.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.dilate((share > 0).astype(np.uint8), np.ones((3, 3), np.uint8)), bool)


def _face_cells(boxes: Sequence[Box], size: tuple[int, int], cell_px: int) -> Cells:
    """Return the cells that faces and a margin around them touch."""
    cells = np.zeros((size[1], size[0]), bool)
    for x1, y1, x2, y2 in boxes:
        margin = _AROUND_FACE * max(x2 - x1, y2 - y1)
        left, top, right, bottom = (v / cell_px for v in (x1 - margin, y1 - margin, x2 + margin, y2 + margin))
        cells[max(0, int(top)) : max(0, math.ceil(bottom)), max(0, int(left)) : max(0, math.ceil(right))] = True
    return cells
