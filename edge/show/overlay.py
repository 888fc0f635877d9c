"""Drawing over a picture of the watch."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.data import Mask

if TYPE_CHECKING:
    from edge.data import Image
    from edge.show.view import Mark, View

_COLOURS = {
    Mask.WITH_MASK: (178, 114, 0),
    Mask.WITHOUT_MASK: (0, 94, 213),
    Mask.INCORRECT_MASK: (66, 228, 240),
    Mask.UNSURE: (153, 153, 153),
}
"""BGR. Source: Okabe and Ito, Color Universal Design, 2008: told apart by colour-blind people."""
_WORDS = {
    Mask.WITH_MASK: "mask",
    Mask.WITHOUT_MASK: "no mask",
    Mask.INCORRECT_MASK: "worn wrongly",
    Mask.UNSURE: "unsure",
}
_INK, _PAPER = (255, 255, 255), (32, 32, 32)
_BANNER, _THANKS = (0, 94, 213), (178, 114, 0)
_Rectangle = tuple[int, int, int, int]
_FONT = cv2.FONT_HERSHEY_DUPLEX
_LINE_PX = 44
"""Height of a line of the banner at a font scale of 1."""
_BANNER_SHARE = 0.25
"""More of the height would hide faces and their labels; who is to be told from afar reads the sign."""
_EMPTY_PX = (360, 640)


def draw(image: Image | None, view: View, *, zoom: float = 1.0) -> Image:
    """Return a new picture with boxes, labels, status line and banner; grey where there is no picture.

    zoom: how much larger boxes and labels are drawn, for pictures that are shown small.
    """
    canvas = np.full((*_EMPTY_PX, 3), 64, np.uint8) if image is None else image.copy()
    unit = zoom * max(canvas.shape[0], canvas.shape[1]) / 1000
    for mark in view.marks:
        _draw_box(canvas, mark, unit)
    phrase, colour = view.banner.partition("\n")[0], _THANKS if view.thanks else _BANNER
    taken = [_draw_banner(canvas, phrase, colour)] if view.banner else []
    for mark in view.marks:
        _draw_label(canvas, mark, max(0.35, 0.55 * unit), taken)
    if view.status:
        _draw_status(canvas, view.status, unit)
    return canvas


def _draw_box(canvas: Image, mark: Mark, unit: float) -> None:
    """Draw one box; unsure ones thin, so that shape speaks beside colour."""
    x1, y1, x2, y2 = _box_px(canvas, mark)
    thickness = max(1, round((1 if mark.mask is Mask.UNSURE else 3) * unit))
    cv2.rectangle(canvas, (x1, y1), (x2, y2), _COLOURS[mark.mask], thickness, cv2.LINE_AA)


def _box_px(canvas: Image, mark: Mark) -> _Rectangle:
    height, width = canvas.shape[:2]
    x1, y1, x2, y2 = (round(v * s) for v, s in zip(mark.box, (width, height) * 2, strict=True))
    return x1, y1, x2, y2


def _draw_label(canvas: Image, mark: Mark, scale: float, taken: list[_Rectangle]) -> None:
    """Draw what is said of one face where no other label is, and note the place as taken."""
    colour = _COLOURS[mark.mask]
    person = "" if mark.track_id is None else f"#{mark.track_id} "
    away = "" if mark.away_m is None else f" {mark.away_m:.1f} m"
    text = f"{person}{_WORDS[mark.mask]} {mark.confidence:.0%}{away}"
    (text_width, text_height), base = cv2.getTextSize(text, _FONT, scale, 1)
    pad = max(2, round(4 * scale))
    size_px = text_width + 2 * pad, text_height + base + 2 * pad
    place = _free_place(_box_px(canvas, mark), size_px, (canvas.shape[1], canvas.shape[0]), taken)
    taken.append(place)
    cv2.rectangle(canvas, place[:2], place[2:], colour, cv2.FILLED)
    ink = _PAPER if sum(colour) > 3 * 127 else _INK
    cv2.putText(canvas, text, (place[0] + pad, place[3] - base - pad), _FONT, scale, ink, 1, cv2.LINE_AA)


def _free_place(
    box: _Rectangle, size_px: tuple[int, int], canvas_px: tuple[int, int], taken: list[_Rectangle]
) -> _Rectangle:
    """Return where a label goes: on its box, below it, a height off, or below what is in the way; else on it."""
    width, height = size_px
    x = min(max(box[0], 0), max(canvas_px[0] - width, 0))
    tops = [max(top, 0) for top in (box[1] - height, box[3], box[1] - 2 * height - 1, box[3] + height + 1)]
    tops += [other[3] + 1 for other in taken]
    places = [(x, top, x + width, top + height) for top in tops]
    free = [p for p in places if p[3] <= canvas_px[1] and not any(_overlap(p, other) for other in taken)]
    return (free or places)[0]


def _overlap(one: _Rectangle, other: _Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _draw_status(canvas: Image, status: str, unit: float) -> None:
    scale, text = max(0.35, 0.5 * unit), _drawable(status)
    (_, text_height), base = cv2.getTextSize(text, _FONT, scale, 1)
    height, width = canvas.shape[:2]
    cv2.rectangle(canvas, (0, height - text_height - base - 8), (width, height), _PAPER, cv2.FILLED)
    cv2.putText(canvas, text, (8, height - base - 4), _FONT, scale, _INK, 1, cv2.LINE_AA)


def _draw_banner(canvas: Image, phrase: str, colour: tuple[int, int, int]) -> _Rectangle:
    """Draw the phrase on lines of about 28 letters, as large as fits the width and `_BANNER_SHARE` of the height.

    Returns where it was drawn.
    """
    lines = textwrap.wrap(_drawable(phrase), 28)
    height, width = canvas.shape[:2]
    widest = max(cv2.getTextSize(line, _FONT, 1.0, 2)[0][0] for line in lines)
    scale = min(0.92 * width / widest, _BANNER_SHARE * height / (_LINE_PX * (len(lines) + 0.5)))
    thickness = max(1, round(2 * scale))
    line_height = max(1, int(_LINE_PX * scale))
    bottom = min(line_height * len(lines) + line_height // 2, height)
    cv2.rectangle(canvas, (0, 0), (width, bottom - 1), colour, cv2.FILLED)
    for row, line in enumerate(lines):
        text_width = cv2.getTextSize(line, _FONT, scale, thickness)[0][0]
        place = ((width - text_width) // 2, line_height * (row + 1))
        cv2.putText(canvas, line, place, _FONT, scale, _INK, thickness, cv2.LINE_AA)
    return 0, 0, width, bottom


def _drawable(text: str) -> str:
    """Return a text in the letters that OpenCV's fonts have: accents go, other scripts become question marks."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).encode("ascii", "replace").decode()
