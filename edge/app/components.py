"""Parts of a running process, each kept as long as what it is built from stays the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

_T = TypeVar("_T")


def stamp(*files: str | Path) -> tuple[object, ...]:
    """Return for a key what changes when a file of the same name is replaced or written; a name may be empty."""

    def of(file: str | Path) -> tuple[int, ...]:
        try:
            found = Path(file).stat()
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size

    return tuple(of(file) for file in files if file)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A part, what it was built from, and what closes it."""

    key: object
    part: Any
    close: Callable[[Any], None] | None


class Components:
    """Holds parts by name through one composition after another; closes those that are no longer asked for.

    A composition asks for its parts in the order in which they depend on each other; they are closed the other way
    round.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self._kept: dict[str, _Kept] = {}
        self._asked: list[str] = []

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all parts."""
        self.close()

    def __call__(
        self, name: str, key: object, build: Callable[[], _T], close: Callable[[_T], None] | None = None
    ) -> _T:
        """Return the part `name`: the one held where it was built from an equal `key`, else a new one.

        The one held is closed before the new one is built: a device, a port or a file is seldom there for two.
        """
        self._asked.append(name)
        held = self._kept.get(name)
        if held is None or held.key != key:
            self._close(name)
            held = self._kept[name] = _Kept(key, build(), close)
        part: _T = held.part
        return part

    def compose(self, build: Callable[[], _T]) -> _T:
        """Return what `build` composes of parts that it asks for; close those that it left out."""
        self._asked.clear()
        whole = build()
        self._close_all_but(set(self._asked))
        return whole

    def close(self) -> None:
        """Close all parts."""
        self._close_all_but(set())

    def _close_all_but(self, asked: set[str]) -> None:
        """Close what was not asked for last time first, then what depends on others before those."""
        order = [name for name in self._kept if name not in self._asked]
        order += [name for name in reversed(self._asked) if name in self._kept]
        for name in order:
            if name not in asked:
                self._close(name)

    def _close(self, name: str) -> None:
        held = self._kept.pop(name, None)
        if held is not None and held.close is not None:
            held.close(held.part)
