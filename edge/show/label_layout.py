"""Place labels next to their faces, where they cover no other face and no other label."""

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
    """Return which of its labels to draw for each face, and where; None where no label has room.

    sizes: of the labels of each face, the longest first; a shorter one is chosen only where a longer one would cover
    something. A label is placed next to its face or not at all: further away, it would be unclear to which face it
    belongs.
    """
    placed: list[tuple[int, Rectangle] | None] = []
    for row, choices in enumerate(sizes):
        taken = [box for other, box in enumerate(boxes) if other != row] + [chosen[1] for chosen in placed if chosen]
        options = [
            (which, place) for which, size in enumerate(choices) for place in _places(boxes[row], size, canvas_px)
        ]
        free = [option for option in options if _is_free(option[1], taken)]
        clear = (option for option in free if _is_free(option[1], [boxes[row]]))
        placed.append(next(clear, free[0] if free else None))  # the label of a face that fills the image is on it
    return placed


def _places(box: Rectangle, size: Size, canvas_px: Size) -> Iterator[Rectangle]:
    """Yield where a label may be placed, best first: above its box, below it, at its sides, one line further away."""
    width, height = size
    if width > canvas_px[0] or height > canvas_px[1]:  # it would be cut off
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
