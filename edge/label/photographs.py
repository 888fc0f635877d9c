"""The photographs of a folder: their names, their images as a browser shows them, and the faces to be labelled."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from edge.batch.images import read_frame
from edge.boxes import iou
from edge.capture.kinds import Kind, contents_of
from edge.errors import InputError
from edge.label.listing import Face, Photograph

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge.detect import Detector

_SHOWN_PX = 1_600
"""Longer side of the image that the browser gets; labels are in pixels of the original."""
_QUALITY = 90
_SAME_IOU = 0.4
"""Overlap from which a proposal is a face that has a label already."""
_KEPT = 32


class Shown(NamedTuple):
    """A photograph as the browser gets it: JPEG, size of the original in pixels, and the detector's boxes."""

    jpeg: bytes
    width_px: int
    height_px: int
    boxes: tuple[tuple[float, float, float, float], ...]


class Photographs:
    """The photographs of a folder and of its subfolders, read one at a time."""

    def __init__(self, folder: Path, detector: Detector) -> None:
        """List them.

        Raises:
            InputError: there is none.
        """
        self.folder = folder
        self.files = sorted(path.relative_to(folder).as_posix() for path in _images(folder))
        if not self.files:
            raise InputError(f"{folder}: has no photographs")
        self._detector = detector
        self._lock = threading.Lock()  # a detector is not thread-safe
        self._shown = lru_cache(_KEPT)(self._read)

    def shown(self, file: str) -> Shown:
        """Return a photograph; the last ones are kept in memory.

        Raises:
            CameraError: it cannot be read.
        """
        with self._lock:
            return self._shown(file)

    def with_proposals(self, file: str, known: Photograph | None) -> Photograph:
        """Return the faces of a photograph: those that have a label, and those that a detector finds elsewhere.

        Raises:
            CameraError: it cannot be read.
        """
        faces = known.faces if known else ()
        taken = np.array([[x, y, x + w, y + h] for x, y, w, h in (face.box for face in faces)], np.float32)
        proposed = []
        for x, y, w, h in self.shown(file).boxes:
            box = np.array([[x, y, x + w, y + h]], np.float32)
            if not len(taken) or iou(box, taken).max() < _SAME_IOU:
                proposed.append(Face(box=(x, y, w, h)))
        return Photograph(faces=(*faces, *proposed))

    def _read(self, file: str) -> Shown:
        frame = read_frame(self.folder / file)
        width_px, height_px = frame.size_px
        scale = min(1.0, _SHOWN_PX / max(width_px, height_px))
        image = cv2.resize(frame.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, jpeg = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
        corners = self._detector.detect(frame).boxes.astype(float)
        sides = np.round(np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1), 1)
        boxes = tuple((x, y, w, h) for x, y, w, h in sides.tolist() if min(w, h) >= 1)
        return Shown(jpeg.tobytes(), width_px, height_px, boxes)


def _images(folder: Path) -> Iterator[Path]:
    """Yield the images in a folder and in those below it that are not hidden."""
    yield from (path for path, _ in contents_of(folder, [Kind.IMAGE]).files)
    for below in folder.iterdir():
        if below.is_dir() and not below.is_symlink() and not below.name.startswith("."):
            yield from _images(below)
