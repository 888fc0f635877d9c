"""The maps that the small face detector is trained on: their size, their parts, and the cells of a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.data import Floats

HEIGHT_PX = 256
WIDTH_PX = 320
STRIDE_PX = 4
ROWS = HEIGHT_PX // STRIDE_PX
COLUMNS = WIDTH_PX // STRIDE_PX
CHANNELS = 15
_PARTS = ((0, 1), (1, 3), (3, 5), (5, 15))


def split(maps: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return heat, size, offset and landmarks, as `edge.detect.centerface.decode` takes them, of maps (15, h, w)."""
    heat, size, offset, landmarks = (maps[a:b].transpose(1, 2, 0)[None] for a, b in _PARTS)
    return heat, size, offset, landmarks


def cells(x1: float, y1: float, x2: float, y2: float) -> tuple[slice, slice]:
    """Return rows and columns of the cells in a box, in pixels of the training size."""
    rows, columns = (
        slice(max(0, int(low / STRIDE_PX)), max(0, int(high / STRIDE_PX) + 1)) for low, high in ((y1, y2), (x1, x2))
    )
    return rows, columns
