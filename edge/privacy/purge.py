"""Deletion of everything that maskwatch has stored on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_PATTERNS = ("outbox-*", "history-*")
"""All that is ever stored about people: undelivered alerts, the history, and damaged ones set aside. Phrases are in
memory."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A stored file and its size."""

    path: Path
    size_bytes: int


def stored_files(folders: Iterable[Path], others: Sequence[Path] = ()) -> list[StoredFile]:
    """Return the stored files in state folders, and those whose names begin like `others`; never a link's target.

    Raises:
        Unavailable: a folder may not be read by this user.
    """
    found = {path for folder in folders for path in _in(folder)}
    found |= {path for other in others for path in _named(other.parent, f"{other.name}*")}
    return [StoredFile(path, path.lstat().st_size) for path in sorted(found)]


def purge(files: Iterable[StoredFile]) -> None:
    """Delete files.

    Raises:
        Unavailable: one may not be deleted by this user; those before it have been deleted.
    """
    for file in files:
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{file.path}: cannot be deleted: {error.strerror}; fix: sudo maskwatch purge") from error


def _in(folder: Path) -> Iterator[Path]:
    for pattern in _PATTERNS:
        yield from _named(folder, pattern)


def _named(folder: Path, pattern: str) -> Iterator[Path]:
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        raise Unavailable(f"{folder}: you may not read this folder; fix: sudo maskwatch purge")
    yield from (path for path in folder.glob(pattern) if path.is_symlink() or path.is_file())
