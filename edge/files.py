"""Write a file whole or not at all: a reader sees the old content or the new one, never a part of it."""

from __future__ import annotations

import glob
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_AS_UMASK_PERMITS = 0o666
_OWNER_ONLY = 0o600
_NAME_CHARACTERS = 50
"""Of the file's name in the draft's: 200 bytes at most in UTF-8, and Linux permits 255."""


@contextmanager
def replacing(
    path: Path, *, mode: int | None = None, durable: bool = False, keep_partial: bool = False
) -> Iterator[Path]:
    """Give an empty draft in the folder of `path` that replaces it at the end, and is removed after an error.

    The draft is never more readable than `path` will be. To keep a link, resolve `path` first.

    mode: the permissions of the file; None: those of any new file, as the umask permits.
    durable: write to the disk before the replacement, so that the file is whole even after a power cut.
    keep_partial: after an error, also after Ctrl-C, keep what was written so far, unless that is nothing.

    Raises:
        OSError: the draft cannot be created, written or put in place.
    """
    draft = path.with_name(f".{path.name[:_NAME_CHARACTERS]}.{secrets.token_hex(4)}.part")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _AS_UMASK_PERMITS if mode is None else _OWNER_ONLY))
    is_whole = False
    try:
        yield draft
        is_whole = True
    finally:
        if is_whole or (keep_partial and draft.stat().st_size):
            _put(draft, path, mode, durable=durable)
        draft.unlink(missing_ok=True)


def remove_drafts(path: Path) -> None:
    """Remove what writers of `path` that were killed have left; only for one who knows that nobody else writes it."""
    for draft in path.parent.glob(f".{glob.escape(path.name[:_NAME_CHARACTERS])}.????????.part"):
        draft.unlink(missing_ok=True)


def _put(draft: Path, path: Path, mode: int | None, *, durable: bool) -> None:
    if mode is not None:
        draft.chmod(mode)
    if durable:
        with draft.open("rb") as written:
            os.fsync(written.fileno())
    draft.replace(path)
