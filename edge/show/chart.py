"""Images for reports: a contact sheet of captioned faces, and a reliability curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Image

TILE_PX = 140
_LINE_PX, _GAP_PX = 15, 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPTION_SCALE, _CURVE_SCALE = 0.36, 0.4
_INK, _PALE, _BLUE = (32, 32, 32), (170, 170, 170), (178, 114, 0)
"""BGR; the blue is that of `edge.show.overlay`."""
_CURVE_PX, _MARGIN_PX = 360, 60


def contact_sheet(tiles: Sequence[tuple[Image, Sequence[str]]], columns: int = 8) -> Image:
    """Return faces, uint8 (TILE_PX, TILE_PX, 3) BGR, in rows, each above the lines of its caption."""
    tiles = tiles or [(np.full((TILE_PX, TILE_PX, 3), 255, np.uint8), ("none",))]
    lines = max((len(caption) for _, caption in tiles), default=0)
    drawn = [_tile(image, caption, lines) for image, caption in tiles]
    drawn += [np.full_like(drawn[0], 255)] * (-len(drawn) % min(columns, len(drawn)))
    width = min(columns, len(tiles))
    return np.vstack([np.hstack(drawn[first : first + width]) for first in range(0, len(drawn), width)])


def _tile(image: Image, caption: Sequence[str], lines: int) -> Image:
    tile = np.full((TILE_PX + lines * _LINE_PX + 2 * _GAP_PX, TILE_PX + _GAP_PX, 3), 255, np.uint8)
    tile[:TILE_PX, :TILE_PX] = image
    for row, text in enumerate(caption):
        cv2.putText(tile, text, (2, TILE_PX + (row + 1) * _LINE_PX), _FONT, _CAPTION_SCALE, _INK, 1, cv2.LINE_AA)
    return tile


def reliability_curve(bins: Sequence[tuple[float, float, int]], ece: float) -> Image:
    """Return a plot of accuracy (y) by confidence (x), bin by bin; the area of a point is its number of faces."""
    side = _CURVE_PX + 2 * _MARGIN_PX
    canvas = np.full((side, side, 3), 255, np.uint8)
    for tick in np.linspace(0, 1, 6):
        _write(canvas, f"{tick:.1f}", _pixel(tick, 0), (-10, 18))
        _write(canvas, f"{tick:.1f}", _pixel(0, tick), (-30, 4))
    cv2.rectangle(canvas, _pixel(0, 0), _pixel(1, 1), _PALE, 1)
    cv2.line(canvas, _pixel(0, 0), _pixel(1, 1), _PALE, 1, cv2.LINE_AA)
    points = [_pixel(confidence, accuracy) for confidence, accuracy, _ in bins]
    cv2.polylines(canvas, [np.array(points, np.int32)], isClosed=False, color=_BLUE, thickness=1, lineType=cv2.LINE_AA)
    for point, (_, _, n) in zip(points, bins, strict=True):
        cv2.circle(canvas, point, 3 + round(n**0.5 / 4), _BLUE, cv2.FILLED, cv2.LINE_AA)
    title = f"accuracy by confidence, {sum(n for _, _, n in bins)} faces, ECE {ece:.3f}"
    _write(canvas, title, (8, 20), (0, 0))
    return canvas


def _pixel(x: float, y: float) -> tuple[int, int]:
    """Return the pixel of a point of the unit square, with y upwards."""
    return _MARGIN_PX + round(x * _CURVE_PX), _MARGIN_PX + round((1 - y) * _CURVE_PX)


def _write(canvas: Image, text: str, point: tuple[int, int], shift: tuple[int, int]) -> None:
    cv2.putText(canvas, text, (point[0] + shift[0], point[1] + shift[1]), _FONT, _CURVE_SCALE, _INK, 1, cv2.LINE_AA)
