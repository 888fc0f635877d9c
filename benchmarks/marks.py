"""Mark where sections of a program begin and end, for the counter of benchmarks/instructions.c, and read its marks."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_P = ParamSpec("_P")
_R = TypeVar("_R")
_MARK = 0x4D41524B << 32
_END = 1 << 20
"""Added to the label of a section at its end."""
Mark = tuple[int, int]
"""A label, and the instructions so far."""


class Marker:
    """Marks sections in the program that is counted; a mark costs about three thousand instructions of Python."""

    def __init__(self, names: Sequence[str]) -> None:
        """Mark sections of these names."""
        self._labels = {name: label for label, name in enumerate(names)}
        self._null = os.open(os.devnull, os.O_RDONLY)

    def marked(self, name: str, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return `function` as the section `name`."""
        begin = _MARK + self._labels[name]
        null, seek = self._null, os.lseek

        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            seek(null, begin, 0)
            try:
                return function(*args, **kwargs)
            finally:
                seek(null, begin + _END, 0)

        return call


def own_instructions(marks: Iterable[Mark], names: Sequence[str]) -> dict[str, int]:
    """Return the instructions of each section without those of the sections in it, by path: `walk/detect/invoke`.

    The second and later sections of the same path within one `walk` have ` again` at the end of it.
    """
    own: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    path: list[str] = []
    last = 0
    for label, at in marks:
        own["/".join(path)] += at - last
        last = at
        if label >= _END:
            path.pop()
            continue
        name = names[label]
        if not path:
            seen.clear()
        place = "/".join([*path, name])
        seen[place] += 1
        path.append(name if seen[place] == 1 else f"{name} again")
    del own[""]
    return dict(own)
