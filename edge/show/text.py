"""Write text on images in a TrueType font: all letters of the languages that are shown, at a size in pixels."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from edge.show.fonts import font_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.data import Image

Colour = tuple[int, int, int]
"""BGR, 0 to 255."""
_DARK: Colour = (0, 0, 0)
_LIGHT: Colour = (255, 255, 255)


@lru_cache(maxsize=256)
def _mask_of(text: str, size_px: int) -> NDArray[np.uint8]:
    """Return the text as a mask, uint8 (H, W), 255 where there is ink; H is the ascent plus the descent of the font."""
    font = ImageFont.truetype(font_for(text), size_px)
    ascent, descent = font.getmetrics()
    mask = PillowImage.new("L", (max(1, round(font.getlength(text))), ascent + descent), 0)
    ImageDraw.Draw(mask).text((0, 0), text, 255, font)
    return np.asarray(mask)


def size_of(text: str, size_px: int) -> tuple[int, int]:
    """Return the width and height in pixels of a text in letters of `size_px`."""
    height, width = _mask_of(text, size_px).shape
    return width, height


def write(canvas: Image, text: str, place: tuple[int, int], size_px: int, ink: Colour) -> None:
    """Write onto `canvas`, uint8 (H, W, 3) BGR; the upper left corner is at `place`, x, y; what is outside is cut."""
    mask, (x, y) = _mask_of(text, size_px), place
    x1, y1 = max(x, 0), max(y, 0)
    target = canvas[y1 : max(y + mask.shape[0], 0), x1 : max(x + mask.shape[1], 0)]
    cover = mask[y1 - y :, x1 - x :][: target.shape[0], : target.shape[1], None].astype(np.uint16)
    target[:] = (target * (255 - cover) + np.array(ink, np.uint16) * cover + 127) // 255


def ink_on(paper: Colour) -> Colour:
    """Return black or white, the one with more contrast to `paper`: 4.5:1 or more on any colour."""
    return max((_DARK, _LIGHT), key=lambda ink: contrast(paper, ink))


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio of two colours, 1 to 21. Source: WCAG 2.2, contrast ratio."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Colour) -> float:
    """Return the relative luminance, 0 to 1. Source: WCAG 2.2, relative luminance."""
    channels = [value / 255 for value in colour]
    blue, green, red = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
