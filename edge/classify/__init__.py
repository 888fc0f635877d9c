"""Which mask each face wears: the contract of every classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from edge.data import Floats, Frame, Verdicts


class Classifier(Protocol):
    """Classifies faces."""

    def classify(self, frame: Frame, boxes: Floats) -> Verdicts:
        """Return one verdict for each float32 (N, 4) box in pixels of `frame.image`."""
        ...
