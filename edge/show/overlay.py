"""Draw boxes and labels over an image, and lay out the preview around it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.data import Mask
from edge.show.label_layout import place_labels
from edge.show.text import ink_on, size_of, write
from edge.show.text_fit import LINE, fit

if TYPE_CHECKING:
    from edge.data import Image
    from edge.show.label_layout import Rectangle
    from edge.show.text import Colour
    from edge.show.view import Mark, View

_COLOURS: dict[Mask, Colour] = {
    Mask.WITH_MASK: (178, 114, 0),
    Mask.WITHOUT_MASK: (0, 94, 213),
    Mask.INCORRECT_MASK: (66, 228, 240),
    Mask.UNSURE: (153, 153, 153),
}
"""BGR. Source: Okabe and Ito, Color Universal Design, 2008: distinguishable with colour blindness."""
_NAMES = {
    Mask.WITH_MASK: "mask",
    Mask.WITHOUT_MASK: "no mask",
    Mask.INCORRECT_MASK: "worn wrongly",
    Mask.UNSURE: "unsure",
}
_PAPER: Colour = (32, 32, 32)
_BANNER, _THANKS = _COLOURS[Mask.WITHOUT_MASK], _COLOURS[Mask.WITH_MASK]
_LABEL_PX, _LEAST_PX = 17, 12
"""Height of letters on an image of 1,000 pixels, and the least that is legible on a display."""
_LABEL_SHARE = 0.3
"""Height of letters as a share of the height of the face: small faces are often close together."""
_BAR_SHARE, _BAR_PX = 0.12, (46, 160)
"""Height of the bar below the preview, and its limits: it holds two lines of text and one of status."""
_EMPTY_PX = (360, 640)


def draw(image: Image | None, view: View, *, zoom: float = 1.0) -> Image:
    """Return a new image with boxes and labels, or a grey one with the status where there is no image.

    zoom: factor by which boxes and labels are drawn larger, for images that are shown small.
    """
    if image is None:
        return _empty(view.status)
    canvas = image.copy()
    unit = zoom * max(canvas.shape[:2]) / 1000
    boxes = [_box_px(canvas, mark) for mark in view.marks]
    for mark, box in zip(view.marks, boxes, strict=True):
        # thin where unsure, so that colour is not the only difference
        thickness = max(1, round((1 if mark.mask is Mask.UNSURE else 3) * unit))
        cv2.rectangle(canvas, box[:2], box[2:], _COLOURS[mark.mask], thickness, cv2.LINE_AA)
    least_px = round(_LEAST_PX * max(zoom, 1.0))
    _draw_labels(canvas, view.marks, boxes, (least_px, max(least_px, round(_LABEL_PX * unit))))
    return canvas


def preview(image: Image | None, view: View, size_px: tuple[int, int]) -> Image:
    """Return the preview for a window of width and height, uint8 (H, W, 3) BGR: the whole image above a bar of text.

    The bar shows the banner while there is one, else the count of each label, and the status; it covers nothing.
    """
    width, height = max(size_px[0], 1), max(size_px[1], 1)
    bar = min(bar_px(height), height - 1)
    canvas = np.full((height, width, 3), _PAPER, np.uint8)
    shown = _empty(view.status) if image is None else image
    scale = min(width / shown.shape[1], (height - bar) / shown.shape[0])
    fitted = max(1, round(scale * shown.shape[1])), max(1, round(scale * shown.shape[0]))
    small = cv2.resize(shown, fitted, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (width - fitted[0]) // 2, (height - bar - fitted[1]) // 2
    canvas[top : top + fitted[1], left : left + fitted[0]] = draw(np.asarray(small, np.uint8), view)
    if bar:
        _draw_bar(canvas[height - bar :], view, "" if image is None else _counts(view))
    return canvas


def bar_px(height_px: int) -> int:
    """Return the height of the bar below a preview of this height."""
    return int(min(max(_BAR_SHARE * height_px, _BAR_PX[0]), _BAR_PX[1]))


def _empty(status: str) -> Image:
    canvas = np.full((*_EMPTY_PX, 3), 64, np.uint8)
    _write_fitted(canvas, status, ink_on((64, 64, 64)), largest_px=2 * _LEAST_PX)
    return canvas


def _box_px(canvas: Image, mark: Mark) -> Rectangle:
    height, width = canvas.shape[:2]
    x1, y1, x2, y2 = (round(v * s) for v, s in zip(mark.box, (width, height) * 2, strict=True))
    return x1, y1, x2, y2


def _draw_labels(canvas: Image, marks: tuple[Mark, ...], boxes: list[Rectangle], bounds_px: tuple[int, int]) -> None:
    """Draw the label of each face where there is room for it.

    bounds_px: smallest and largest height of letters, which grow with the face.
    """
    letters = [min(max(round(_LABEL_SHARE * (box[3] - box[1])), bounds_px[0]), bounds_px[1]) for box in boxes]
    texts = [_texts(mark) for mark in marks]
    sizes = [[_label_px(text, px) for text in choice] for choice, px in zip(texts, letters, strict=True)]
    placed = place_labels(boxes, sizes, (canvas.shape[1], canvas.shape[0]))
    for mark, choice, px, label in zip(marks, texts, letters, placed, strict=True):
        if label is not None:
            which, (x1, y1, x2, y2) = label
            paper = _COLOURS[mark.mask]
            cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), paper, cv2.FILLED)
            write(canvas, choice[which], (x1 + px // 5, y1 + 1), px, ink_on(paper))


def _label_px(text: str, letters_px: int) -> tuple[int, int]:
    """Return the width and height of a label around a text."""
    width, height = size_of(text, letters_px)
    return width + 2 * (letters_px // 5), height + 2


def _texts(mark: Mark) -> tuple[str, ...]:
    """Return the possible texts of a label, the longest first."""
    person = "" if mark.track_id is None else f"#{mark.track_id} "
    distance = "" if mark.away_m is None else f" {mark.away_m:.1f} m"
    name = _NAMES[mark.mask]
    confidence = f"{mark.confidence:.0%}"
    short = f"{name} {confidence}"
    return f"{person}{short}{distance}", f"{person}{short}", short, name, confidence


def _draw_bar(bar: Image, view: View, counts: str) -> None:
    """Draw the banner or the counts, and the status below, into the bar, a part of the canvas."""
    status_px = max(_LEAST_PX, round(bar.shape[0] / 5)) if view.status else 0
    status_height = round(LINE * status_px)
    text_area = bar[: bar.shape[0] - status_height]
    if view.banner:
        text_area[:] = paper = _THANKS if view.thanks else _BANNER
        _write_fitted(text_area, view.banner.partition("\n")[0], ink_on(paper))
    else:
        _write_fitted(text_area, counts, ink_on(_PAPER), largest_px=max(_LEAST_PX, text_area.shape[0] // 2))
    if view.status:
        _write_fitted(bar[bar.shape[0] - status_height :], view.status, ink_on(_PAPER), largest_px=status_px)


def _counts(view: View) -> str:
    found = Counter(mark.mask for mark in view.marks)
    return " · ".join(f"{found[mask]} {name}" for mask, name in _NAMES.items() if found[mask]) or "nobody in view"


def _write_fitted(area: Image, text: str, ink: Colour, largest_px: int | None = None) -> None:
    """Write a text, centred and as large as it fits, into an area of the canvas."""
    height, width = area.shape[:2]
    fitted = fit(text, (max(1, round(0.96 * width)), height), largest_px)
    top = (height - fitted.height_px) / 2
    for line in fitted.lines:
        if line:
            write(area, line, ((width - size_of(line, fitted.size_px)[0]) // 2, round(top)), fitted.size_px, ink)
        top += LINE * fitted.size_px
