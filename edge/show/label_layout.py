"""Where labels go: next to their face, where they cover no other face and no other label."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Rectangle = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels."""
Size = tuple[int, int]
"""Width and height in pixels."""


def place_labels(
    boxes: Sequence[Rectangle], sizes: Sequence[Sequence[Size]], canvas_px: Size
) -> list[tuple[int, Rectangle] | None]:
    """Return for each face which of its labels to draw, and where; None where there is room for none.

    sizes: of the labels of each face, the fullest first; a shorter one is taken only where a fuller one would cover
    something. A label stands next to its face or nowhere: further off, nobody could tell whose it is.
    """
    placed: list[tuple[int, Rectangle] | None] = []
    for row, choices in enumerate(sizes):
        taken = [box for other, box in enumerate(boxes) if other != row] + [place[1] for place in placed if place]
        options = [
            (which, place) for which, size in enumerate(choices) for place in _places(boxes[row], size, canvas_px)
        ]
        free = [option for option in options if _is_free(option[1], taken)]
        clear = (option for option in free if _is_free(option[1], [boxes[row]]))
        # a face that fills the image has its label on it
        placed.append(next(clear, free[0] if free else None))
    return placed


def _places(box: Rectangle, size: Size, canvas_px: Size) -> Iterator[Rectangle]:
    """Yield where a label may go, best first: above its box, below it, at its sides, one line off."""
    width, height = size
    if width > canvas_px[0] or height > canvas_px[1]:  # it would be cut at the border: a shorter one, or none
        return
    above, below = box[1] - height, box[3]
    left, middle, right = box[0], (box[0] + box[2] - width) // 2, box[2] - width
    corners = [(x, y) for x in (left, middle, right) for y in (above, below)]
    corners += [
        (box[2], box[1]),
        (box[0] - width, box[1]),
        (box[2], box[3] - height),
        (box[0] - width, box[3] - height),
    ]
    corners += [(left, above - height - 1), (left, below + height + 1)]
    for x, y in corners:
        x1, y1 = min(max(x, 0), max(canvas_px[0] - width, 0)), min(max(y, 0), max(canvas_px[1] - height, 0))
        yield x1, y1, x1 + width, y1 + height


def _is_free(place: Rectangle, taken: Sequence[Rectangle]) -> bool:
    return not any(
        place[0] < other[2] and other[0] < place[2] and place[1] < other[3] and other[1] < place[3] for other in taken
    )
