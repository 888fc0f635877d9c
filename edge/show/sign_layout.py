"""Draw the sign: a pictogram and a short text in large letters; no camera image, no face, no name."""

from __future__ import annotations

import math
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from edge.show.fonts import font_for
from edge.show.text_fit import GAP, LINE, fit

if TYPE_CHECKING:
    from edge.data import Image

_Colour = tuple[int, int, int]


class SignState(Enum):
    """What a sign shows."""

    IDLE = "idle"
    NOTICE = "notice"
    THANKS = "thanks"


_DEEP_BLUE, _YELLOW, _BLACK, _WHITE = (0, 62, 107), (255, 212, 0), (0, 0, 0), (255, 255, 255)
_NIGHT_BLUE, _DIM = (0, 24, 44), (150, 170, 185)
_DAY_COLOURS: dict[SignState, tuple[_Colour, _Colour]] = {
    SignState.IDLE: (_DEEP_BLUE, _WHITE),
    SignState.NOTICE: (_YELLOW, _BLACK),
    SignState.THANKS: (_WHITE, _DEEP_BLUE),
}
"""RGB of paper and ink. The papers differ in lightness, for people who cannot distinguish colours; each state also has
its own pictogram, and the notice has striped edges. The contrast is 14:1 for the notice and 10:1 or more for the
others, where WCAG 2.2, 1.4.6, requires 7:1."""
_NIGHT_COLOURS: dict[SignState, tuple[_Colour, _Colour]] = {
    SignState.IDLE: (_NIGHT_BLUE, _DIM),
    SignState.NOTICE: (_BLACK, _YELLOW),
    SignState.THANKS: (_NIGHT_BLUE, _WHITE),
}
"""RGB at night: dark paper, so that the sign does not dazzle at a dark stop. The contrast is 7:1 or more."""
_MARGIN, _STRIPES, _ICON_WIDE, _ICON_UPRIGHT = 0.05, 0.06, 0.27, 0.30
"""Shares: the first two of the shorter side, the others of the side along which pictogram and text are placed."""
_SUPERSAMPLING = 4
"""Pictograms are drawn larger by this factor and shrunk, for smooth edges."""


@lru_cache(maxsize=9)
def draw_sign(state: SignState, text: str, size_px: tuple[int, int], *, night: bool = False) -> Image:
    """Return the sign, uint8 (H, W, 3) BGR, read-only; `text` has one line per language; `size_px` is width, height.

    The last nine are cached, 6 MB each in full HD, so that a notice is shown without being drawn first: one or two
    languages need three.
    """
    paper, ink = (_NIGHT_COLOURS if night else _DAY_COLOURS)[state]
    canvas = PillowImage.new("RGB", size_px, paper)
    edge = round(_STRIPES * min(size_px)) if state is SignState.NOTICE else 0
    if edge:
        _stripe(canvas, edge, paper, ink)
    icon_px, text_px = _sizes(size_px, edge)
    icon, lines = _pictogram(state, icon_px), _text_mask(text, text_px)
    for mask, place in zip((icon, lines), _places(icon.size, lines.size, size_px), strict=True):
        canvas.paste(ink, (*place, place[0] + mask.width, place[1] + mask.height), mask)
    drawn: Image = np.ascontiguousarray(np.asarray(canvas)[:, :, ::-1])
    drawn.setflags(write=False)
    return drawn


def _sizes(size_px: tuple[int, int], edge: int) -> tuple[int, tuple[int, int]]:
    """Return the side of the pictogram and the space for the text: to its right, or below it on an upright display."""
    width, height = size_px
    margin = _margin_px(size_px)
    wide, high = max(1, width - 2 * margin), max(1, height - 2 * (edge + margin))
    if width >= height:
        icon = round(_ICON_WIDE * wide)
        return min(icon, high), (max(1, wide - icon - margin), high)
    icon = round(_ICON_UPRIGHT * high)
    return min(icon, wide), (wide, max(1, high - icon - margin))


def _places(
    icon: tuple[int, int], text: tuple[int, int], size_px: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the upper left corners of pictogram and text that centre both together on the display."""
    (width, height), gap = size_px, _margin_px(size_px)
    if width >= height:
        left = (width - icon[0] - gap - text[0]) // 2
        return (left, (height - icon[1]) // 2), (left + icon[0] + gap, (height - text[1]) // 2)
    top = (height - icon[1] - gap - text[1]) // 2
    return ((width - icon[0]) // 2, top), ((width - text[0]) // 2, top + icon[1] + gap)


def _margin_px(size_px: tuple[int, int]) -> int:
    return max(1, round(_MARGIN * min(size_px)))


def _text_mask(text: str, box_px: tuple[int, int]) -> PillowImage.Image:
    """Return the text as a mask, 255 where there is ink: lines centred on each other, no larger than necessary."""
    fitted = fit(text, box_px)
    font = ImageFont.truetype(font_for(text), fitted.size_px)
    widths = [0.0 if line is None else font.getlength(line) for line in fitted.lines]
    size_px = max(1, math.ceil(max(widths, default=0.0))), max(1, math.ceil(fitted.height_px))
    mask = PillowImage.new("L", (min(size_px[0], box_px[0]), size_px[1]), 0)
    draw, top = ImageDraw.Draw(mask), 0.0
    for line, width in zip(fitted.lines, widths, strict=True):
        draw.text(((mask.width - width) / 2, top), line or "", 255, font)
        top += (GAP if line is None else LINE) * fitted.size_px
    return mask


def _stripe(canvas: PillowImage.Image, edge: int, paper: _Colour, ink: _Colour) -> None:
    """Draw slanted stripes along the upper and the lower edge."""
    draw = ImageDraw.Draw(canvas)
    for top in (0, canvas.height - edge):
        for left in range(-edge, canvas.width + edge, 2 * edge):
            corners = [(left + edge, top), (left + 2 * edge, top), (left + edge, top + edge), (left, top + edge)]
            draw.polygon(corners, ink)
    draw.rectangle((0, edge, canvas.width, canvas.height - edge - 1), paper)


@lru_cache(maxsize=8)
def _pictogram(state: SignState, side_px: int) -> PillowImage.Image:
    """Return a pictogram as a mask, 255 where there is ink."""
    side = max(1, side_px) * _SUPERSAMPLING
    mask = PillowImage.new("L", (side, side), 0)
    {SignState.IDLE: _draw_mask, SignState.NOTICE: _draw_distance, SignState.THANKS: _draw_tick}[state](
        ImageDraw.Draw(mask), side
    )
    return mask.resize((max(1, side_px),) * 2, PillowImage.Resampling.BOX)


def _draw_distance(draw: ImageDraw.ImageDraw, side: int) -> None:
    """Draw two people and an arrow with two heads between them."""
    for x in (0.16, 0.84):
        draw.ellipse(_scaled(side, x - 0.11, 0.16, x + 0.11, 0.38), 255)
        draw.rounded_rectangle(_scaled(side, x - 0.15, 0.42, x + 0.15, 0.86), 0.13 * side, 255)
    draw.rectangle(_scaled(side, 0.42, 0.61, 0.58, 0.67), 255)
    for tip, back in ((0.34, 0.44), (0.66, 0.56)):
        draw.polygon(_scaled(side, tip, 0.64, back, 0.54, back, 0.74), 255)


def _draw_mask(draw: ImageDraw.ImageDraw, side: int) -> None:
    """Draw a generic face with a mask over mouth and nose."""
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
