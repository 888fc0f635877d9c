"""The picture on a sign: a pictogram and a few large words; no camera picture, no face, no name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from edge.show.fonts import font_for

if TYPE_CHECKING:
    from edge.data import Image

_Colour = tuple[int, int, int]


class Says(Enum):
    """What a sign says."""

    IDLE = "idle"
    NOTICE = "notice"
    THANKS = "thanks"


_DEEP_BLUE, _YELLOW, _BLACK, _WHITE = (0, 62, 107), (255, 212, 0), (0, 0, 0), (255, 255, 255)
_LOOKS: dict[Says, tuple[_Colour, _Colour]] = {
    Says.IDLE: (_DEEP_BLUE, _WHITE),
    Says.NOTICE: (_YELLOW, _BLACK),
    Says.THANKS: (_WHITE, _DEEP_BLUE),
}
"""RGB of paper and ink: dark, yellow and white differ in lightness, so also for who sees no colours; each has a
pictogram of its own, and the notice has striped edges. Contrast 14:1 for the notice and 10:1 or more for the others,
where WCAG 2.2, 1.4.6, wants 7:1."""
_MARGIN, _STRIPES, _LINE, _GAP = 0.05, 0.06, 1.22, 0.5
"""Shares: the first two of the shorter side, the others of the letter size."""
_FINE = 4
"""Pictograms are drawn this many times as large and shrunk, for smooth edges."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text broken into lines as large as its box allows; size_px: of the font; None: a gap between languages."""

    lines: tuple[str | None, ...]
    size_px: int


@lru_cache(maxsize=9)
def poster(says: Says, text: str, size_px: tuple[int, int]) -> Image:
    """Return the picture, uint8 (H, W, 3) BGR, read-only; `text` has one line a language; `size_px` is width, height.

    The last nine are kept, 6 MB each in full HD, so that a notice is shown without being drawn first: one language
    or two need three.
    """
    width, height = size_px
    paper, ink = _LOOKS[says]
    picture = Pictures.new("RGB", size_px, paper)
    edge = round(_STRIPES * min(size_px)) if says is Says.NOTICE else 0
    if edge:
        _stripe(picture, edge)
    icon_box, text_box = _boxes(width, height, edge)
    icon = _pictogram(says, min(icon_box[2] - icon_box[0], icon_box[3] - icon_box[1]))
    place = (icon_box[0] + icon_box[2] - icon.width) // 2, (icon_box[1] + icon_box[3] - icon.height) // 2
    picture.paste(ink, (*place, place[0] + icon.width, place[1] + icon.height), icon)
    _write(picture, text, text_box, ink)
    drawn: Image = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
    drawn.setflags(write=False)
    return drawn


def _boxes(width: int, height: int, edge: int) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Return where pictogram and text go: side by side, or one above the other where the display stands upright."""
    margin = max(1, round(_MARGIN * min(width, height)))
    left, top, right, bottom = margin, edge + margin, width - margin, height - edge - margin
    if width >= height:
        split = left + round(0.27 * (right - left))
        return (left, top, split - margin // 2, bottom), (split + margin // 2, top, right, bottom)
    split = top + round(0.30 * (bottom - top))
    return (left, top, right, split - margin // 2), (left, split + margin // 2, right, bottom)


def _write(picture: Pictures.Image, text: str, box: tuple[int, int, int, int], ink: _Colour) -> None:
    """Write the text centred in its box."""
    path = font_for(text)
    fitted = fit(text, (box[2] - box[0], box[3] - box[1]))
    font, draw = ImageFont.truetype(path, fitted.size_px), ImageDraw.Draw(picture)
    top = (box[1] + box[3] - _height_px(fitted.lines, fitted.size_px)) / 2
    for line in fitted.lines:
        if line is None:
            top += _GAP * fitted.size_px
            continue
        left = (box[0] + box[2] - font.getlength(line)) / 2
        draw.text((left, top), line, ink, font)
        top += _LINE * fitted.size_px


@lru_cache(maxsize=16)
def fit(text: str, box_px: tuple[int, int]) -> Fitted:
    """Return the text broken into lines in the largest letters for a box of width and height; at least 8 px."""
    path = font_for(text)
    smallest, largest = 8, max(9, box_px[1])
    best = Fitted(_broken(text, ImageFont.truetype(path, smallest), box_px[0], whole=False), smallest)
    while largest - smallest > 1:
        size_px = (smallest + largest) // 2
        lines = _broken(text, ImageFont.truetype(path, size_px), box_px[0], whole=True)
        if lines and _height_px(lines, size_px) <= box_px[1]:
            smallest, best = size_px, Fitted(lines, size_px)
        else:
            largest = size_px
    return best


def _height_px(lines: tuple[str | None, ...], size_px: int) -> float:
    return sum(_GAP * size_px if line is None else _LINE * size_px for line in lines)


def _broken(text: str, font: ImageFont.FreeTypeFont, width_px: int, *, whole: bool) -> tuple[str | None, ...]:
    """Return the lines; none where words stay `whole` and one is too wide."""
    lines: list[str | None] = []
    for paragraph in text.splitlines():
        lines += [None] if lines else []
        words = [piece for word in paragraph.split() for piece in _pieces(word)]
        if whole and any(font.getlength(word) > width_px for word in words):
            return ()
        lines += _filled(words, font, width_px)
    return tuple(lines)


def _pieces(word: str) -> list[str]:
    """Return a word whole, or its letters where its script has no spaces. Source: Unicode, CJK blocks from U+2E80."""
    return list(word) if any("\u2e80" <= letter <= "\u9fff" for letter in word) else [word]


def _filled(words: list[str], font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    lines = [""]
    for word in words:
        space = "" if not lines[-1] or len(_pieces(word + lines[-1][-1:])) > 1 else " "
        longer = lines[-1] + space + word
        if lines[-1] and font.getlength(longer) > width_px:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _stripe(picture: Pictures.Image, edge: int) -> None:
    """Draw slanted black stripes along the upper and the lower edge."""
    draw = ImageDraw.Draw(picture)
    for top in (0, picture.height - edge):
        for left in range(-edge, picture.width + edge, 2 * edge):
            corners = [(left + edge, top), (left + 2 * edge, top), (left + edge, top + edge), (left, top + edge)]
            draw.polygon(corners, _BLACK)
    draw.rectangle((0, edge, picture.width, picture.height - edge - 1), _YELLOW)


@lru_cache(maxsize=8)
def _pictogram(says: Says, side_px: int) -> Pictures.Image:
    """Return a pictogram as a mask, 255 where the ink is."""
    side = max(1, side_px) * _FINE
    mask = Pictures.new("L", (side, side), 0)
    {Says.IDLE: _draw_mask, Says.NOTICE: _draw_distance, Says.THANKS: _draw_tick}[says](ImageDraw.Draw(mask), side)
    return mask.resize((max(1, side_px),) * 2, Pictures.Resampling.BOX)


def _draw_distance(draw: ImageDraw.ImageDraw, side: int) -> None:
    """Draw two people and an arrow with two heads between them."""
    for x in (0.16, 0.84):
        draw.ellipse(_scaled(side, x - 0.11, 0.16, x + 0.11, 0.38), 255)
        draw.rounded_rectangle(_scaled(side, x - 0.15, 0.42, x + 0.15, 0.86), 0.13 * side, 255)
    draw.rectangle(_scaled(side, 0.42, 0.61, 0.58, 0.67), 255)
    for tip, back in ((0.34, 0.44), (0.66, 0.56)):
        draw.polygon(_scaled(side, tip, 0.64, back, 0.54, back, 0.74), 255)


def _draw_mask(draw: ImageDraw.ImageDraw, side: int) -> None:
    """Draw a face with a mask over mouth and nose; the face is anybody's."""
    draw.ellipse(_scaled(side, 0.12, 0.10, 0.88, 0.90), 255)
    for x in (0.35, 0.65):
        draw.ellipse(_scaled(side, x - 0.05, 0.32, x + 0.05, 0.42), 0)
    outline = (0.12, 0.50, 0.50, 0.46, 0.88, 0.50, 0.80, 0.76, 0.50, 0.92, 0.20, 0.76)
    draw.polygon(_scaled(side, *outline), 255, 0, max(1, round(0.035 * side)))
    for y in (0.60, 0.70):
        draw.line(_scaled(side, 0.32, y, 0.68, y), 0, max(1, round(0.025 * side)))


def _draw_tick(draw: ImageDraw.ImageDraw, side: int) -> None:
    """Draw a tick in a ring."""
    thick = max(1, round(0.10 * side))
    draw.ellipse(_scaled(side, 0.08, 0.08, 0.92, 0.92), outline=255, width=round(0.7 * thick))
    draw.line(_scaled(side, 0.28, 0.52, 0.44, 0.68, 0.73, 0.34), 255, thick, joint="curve")


def _scaled(side: int, *shares: float) -> list[float]:
    return [side * share for share in shares]
