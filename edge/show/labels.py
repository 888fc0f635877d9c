"""Where labels go: where they cover no other face and no other label, as far as there is room."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Rectangle = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels."""
Size = tuple[int, int]
"""Width and height in pixels."""
_OVER_LABEL = 4
"""How much worse it is to cover a label, which then cannot be read, than a face, which its box still marks."""


def place_labels(
    boxes: Sequence[Rectangle], sizes: Sequence[Sequence[Size]], canvas_px: Size
) -> list[tuple[int, Rectangle]]:
    """Return for each face which of its labels to draw, and where.

    sizes: of the labels of each face, the fullest first; a shorter one is taken only where a fuller one would cover
    something.
    """
    placed: list[tuple[int, Rectangle]] = []
    for row, choices in enumerate(sizes):
        others = [box for other, box in enumerate(boxes) if other != row]
        taken = [place for _, place in placed]
        options = chain.from_iterable(
            ((which, place) for place in _places(boxes[row], size, canvas_px, taken))
            for which, size in enumerate(choices)
        )
        placed.append(_best(options, others, taken))
    return placed


def _best(
    options: Iterator[tuple[int, Rectangle]], faces: Sequence[Rectangle], labels: Sequence[Rectangle]
) -> tuple[int, Rectangle]:
    """Return the first option that covers nothing, else the one that covers least."""
    least, best = float("inf"), (0, (0, 0, 0, 0))
    for which, place in options:
        covered = sum(_overlap_px(place, face) for face in faces)
        covered += _OVER_LABEL * sum(_overlap_px(place, label) for label in labels)
        if covered < least:
            least, best = covered, (which, place)
        if covered == 0:
            break
    return best


def _places(box: Rectangle, size: Size, canvas_px: Size, taken: Sequence[Rectangle]) -> Iterator[Rectangle]:
    """Yield where a label may go, best first: above its box, below it, at its sides, off what is in the way."""
    width, height = size
    above, below = box[1] - height, box[3]
    left, right = box[0], box[2] - width
    corners = [(left, above), (left, below), (right, above), (right, below)]
    corners += [(box[2], box[1]), (box[0] - width, box[1]), (left, above - height - 1), (left, below + height + 1)]
    corners += [(left, other[3] + 1) for other in taken] + [(left, other[1] - height - 1) for other in taken]
    for x, y in corners:
        x1, y1 = min(max(x, 0), max(canvas_px[0] - width, 0)), min(max(y, 0), max(canvas_px[1] - height, 0))
        yield x1, y1, x1 + width, y1 + height


def _overlap_px(one: Rectangle, other: Rectangle) -> int:
    """Return the number of pixels that two rectangles share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)
