"""The aliases of a store, all switched in one step: a reader finds the old ones or the new ones, never a mixture.

`STORE/aliases` is a symbolic link to a folder in `STORE/generations/`, which holds the links `champion`, `challenger`
and `previous`, each to a folder in `STORE/versions/`; `trial.json` while the champion is on trial; and `problem`, the
sentence that a rollback by the service left. A switch makes another such folder and renames a link over the old one.
Source: rename(2): "newpath will be atomically replaced".
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edge.errors import ModelError
from edge.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("champion", "challenger", "previous")
_CURRENT, _DRAFT, _GENERATIONS, _VERSIONS = "aliases", ".aliases.new", "generations", "versions"
_TRIAL, _PROBLEM = "trial.json", "problem"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Aliases:
    """The hash of the version that each alias names, empty where it names none.

    trial: the record of the champion's trial, empty once it has passed.
    problem: why the service took the last champion back.
    """

    champion: str = ""
    challenger: str = ""
    previous: str = ""
    trial: str = ""
    problem: str = ""

    def names_of(self, sha256: str) -> list[str]:
        """Return the aliases that name a version."""
        return [name for name in NAMES if getattr(self, name) == sha256]


def read(store: Path) -> Aliases:
    """Return the aliases of a store; none for a store that does not exist.

    Raises:
        ModelError: they are damaged.
        OSError: they cannot be read.
    """
    if not (store / _CURRENT).is_symlink():
        return Aliases()
    folder = _current(store)
    found = {name: _named(folder / name) for name in NAMES}
    return Aliases(**found, trial=_text(folder / _TRIAL), problem=_text(folder / _PROBLEM))


def switch(store: Path, aliases: Aliases) -> None:
    """Put other aliases in force, on the disk before this returns; the caller holds the store's lock.

    Raises:
        OSError: they cannot be written; the old ones stay in force.
    """
    remove_drafts(store)
    number = max((int(path.name) for path in (store / _GENERATIONS).iterdir()), default=0) + 1
    folder = store / _GENERATIONS / str(number)
    folder.mkdir()
    texts = asdict(aliases)
    for name in NAMES:
        if texts[name]:
            (folder / name).symlink_to(f"../../{_VERSIONS}/{texts[name]}")
    for name, text in ((_TRIAL, aliases.trial), (_PROBLEM, aliases.problem)):
        if text:
            _write(folder / name, text)
    sync(folder)
    sync(folder.parent)
    (store / _DRAFT).symlink_to(f"{_GENERATIONS}/{number}")
    (store / _DRAFT).rename(store / _CURRENT)
    sync(store)
    remove_drafts(store)


def remove_drafts(store: Path) -> None:
    """Remove what a command that was killed has left; the caller holds the store's lock."""
    (store / _DRAFT).unlink(missing_ok=True)
    (store / _GENERATIONS).mkdir(exist_ok=True)
    current = int((store / _CURRENT).readlink().name) if (store / _CURRENT).is_symlink() else 0
    for folder in (store / _GENERATIONS).iterdir():
        if int(folder.name) not in (current - 1, current):  # a reader may still be in the one before
            shutil.rmtree(folder)


def record_trial(store: Path, text: str) -> None:
    """Write the record of the trial of the champion in force; an empty text ends the trial.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    folder = _current(store)
    if text:
        _write(folder / _TRIAL, text)
    else:
        (folder / _TRIAL).unlink(missing_ok=True)
    sync(folder)


def sync(folder: Path) -> None:
    """Bring the names in a folder to the disk. Source: fsync(2), on directories."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _current(store: Path) -> Path:
    folder = store / (store / _CURRENT).readlink()
    if not folder.is_dir():
        raise ModelError(f"{store / _CURRENT}: is damaged; fix: remove it, then promote a version again")
    return folder


def _named(link: Path) -> str:
    if not link.is_symlink():
        return ""
    name = link.readlink().name
    if not _SHA256.fullmatch(name):
        raise ModelError(f"{link}: names no version; fix: promote a version again")
    return name


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ModelError(f"{path}: is damaged; fix: promote a version again") from None


def _write(path: Path, text: str) -> None:
    with replacing(path, durable=True) as draft:
        draft.write_text(text, "utf-8")
