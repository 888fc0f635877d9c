"""Parts of an HTML page that opens without a network: elements, tables and plots as SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Element: TypeAlias = ET.Element
Content: TypeAlias = Element | str

_WIDTH, _HEIGHT = 600, 100
"""Units of a plot's bars, which the style stretches over the page; texts are outside, so that none is stretched."""
_MOST_TICKS = 4


def element(name: str, *content: Content, **attributes: str | float) -> Element:
    """Return an element of texts and elements; of `class_` and `aria_label` come `class` and `aria-label`."""
    made = ET.Element(
        name,
        {
            key.rstrip("_").replace("_", "-"): f"{v:g}" if isinstance(v, int | float) else v
            for key, v in attributes.items()
        },
    )
    for part in content:
        if not isinstance(part, str):
            made.append(part)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + part
        else:
            made.text = (made.text or "") + part
    return made


def to_html(part: Element) -> str:
    """Return the text of an element, with everything escaped that is not markup."""
    return ET.tostring(part, encoding="unicode", method="html")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Content]]) -> Element:
    """Return a table that scrolls sideways where the page is too narrow; the first cell of a row names it."""
    lines = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    head = element("thead", element("tr", *(element("th", text, scope="col") for text in heads)))
    made = element("table", element("caption", caption, class_="hidden"), head, element("tbody", *lines))
    return element("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)


def stacked_bars(bars: Mapping[str, Sequence[float]], x_labels: Sequence[str], description: str) -> Element:
    """Return a plot of bars, stacked in the order of `bars`: by label the height in each bin.

    x_labels: spread evenly from the left edge of the first bin to the right edge of the last.
    """
    bins = max(map(len, bars.values()), default=0)
    highest = max((sum(heights[k] for heights in bars.values()) for k in range(bins)), default=0)
    step, ticks = _ticks(highest)
    drawing = element(
        "svg",
        *(_grid_line(k / ticks) for k in range(1, ticks + 1)),
        *_rectangles(bars, bins, step * ticks),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=description,
    )
    y_axis = (element("span", f"{step * k:g}") for k in range(ticks, -1, -1))
    x_axis = (element("span", text) for text in x_labels)
    return element(
        "div",
        element("div", *y_axis, class_="y", aria_hidden="true"),
        drawing,
        element("div", *x_axis, class_="x", aria_hidden="true"),
        class_="plot bars",
    )


def _grid_line(height: float) -> Element:
    y = _HEIGHT * (1 - height)
    return element("line", x1=0, x2=_WIDTH, y1=y, y2=y)


def _rectangles(bars: Mapping[str, Sequence[float]], bins: int, top: float) -> Iterable[Element]:
    width = _WIDTH / max(bins, 1)
    base = [0.0] * bins
    for label, heights in bars.items():
        for k, height in enumerate(heights):
            if height:
                base[k] += height
                box = {"x": round(k * width + 0.06 * width, 2), "width": round(0.88 * width, 2)}
                y = round(_HEIGHT * (1 - base[k] / top), 2)
                yield element("rect", class_=label, **box, y=y, height=round(_HEIGHT * height / top, 2))


def _ticks(highest: float) -> tuple[float, int]:
    """Return a round step of the y axis, and how many of them reach over the highest bar."""
    if highest <= 0:
        return 1, 1
    rough = highest / _MOST_TICKS
    decade = 10 ** math.floor(math.log10(rough))
    step = next(size * decade for size in (1, 2, 2.5, 5, 10) if size * decade >= rough * (1 - 1e-9))
    return step, math.ceil(highest / step - 1e-9)
