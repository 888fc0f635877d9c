"""Faces in a frame: the contract of every detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from edge.data import Faces, Frame


class Detector(Protocol):
    """Finds faces."""

    def detect(self, frame: Frame) -> Faces:
        """Return the faces of a frame, best score first, boxes in pixels of `frame.image`."""
        ...
