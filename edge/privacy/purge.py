"""What a maskwatch has kept on this machine, and its deletion."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_OURS = ("outbox-*",)
"""All that is ever kept of what was seen: alerts on their way, with what was set aside. Phrases lie in memory."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is kept and its size."""

    path: Path
    size_bytes: int


def kept(folders: Iterable[Path], others: Sequence[Path] = ()) -> list[Kept]:
    """Return what is kept in state folders and in files beside `others`, which settings name; never a link's target.

    Raises:
        Unavailable: a folder may not be read by this user.
    """
    found = {path for folder in folders for path in _in(folder)}
    found |= {path for other in others for path in _named(other.parent, f"{other.name}*")}
    return [Kept(path, path.lstat().st_size) for path in sorted(found)]


def purge(files: Iterable[Kept]) -> None:
    """Delete files.

    Raises:
        Unavailable: one may not be deleted by this user; those before it are gone.
    """
    for file in files:
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{file.path}: cannot be deleted: {error.strerror}; fix: sudo maskwatch purge") from error


def _in(folder: Path) -> Iterator[Path]:
    for pattern in _OURS:
        yield from _named(folder, pattern)


def _named(folder: Path, pattern: str) -> Iterator[Path]:
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        raise Unavailable(f"{folder}: you may not look there; fix: sudo maskwatch purge")
    yield from (path for path in folder.glob(pattern) if path.is_symlink() or path.is_file())
