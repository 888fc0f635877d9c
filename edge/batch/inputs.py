"""The inputs of a batch: which files there are, and how one is opened."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.batch.remote import Remote, fetched, is_address, located, version_of
from edge.capture.kinds import Kind, contents_of, exists
from edge.errors import CameraError, InputError
from edge.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Inputs = list[tuple[Path | Remote, Kind | None]]
    """Files and their kinds; None: the content of the file decides when its turn comes."""


@dataclass(frozen=True, slots=True)
class Task:
    """One input to classify, as a worker gets it.

    kind: None: the content of the file decides.  drawing: the file to draw it into, None: none.
    """

    path: Path | Remote
    kind: Kind | None = None
    drawing: Path | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """By what a file that has changed is noticed: size in bytes, and time of the last change in ns."""

    size_bytes: int
    changed_ns: int


def stamp_of(path: Path | Remote) -> Stamp | None:
    """Return the stamp of a file; None for a pipe, and for what cannot be read.

    Raises:
        Unavailable: the file is on another machine, which cannot be asked.
    """
    if isinstance(path, Remote):
        return _remote_stamp(path)
    try:
        found = path.stat() if path.is_file() else None
    except OSError:
        return None
    return found and Stamp(found.st_size, found.st_mtime_ns)


def _remote_stamp(remote: Remote) -> Stamp | None:
    """Return a stamp of what the server states about the version of a file."""
    try:
        version = version_of(remote)
    except CameraError:
        return None
    return Stamp(0, int(hashlib.sha256(version.encode()).hexdigest()[:15], 16))


@contextmanager
def opened(path: Path | Remote) -> Iterator[Path]:
    """Yield the file of an input on this machine, or a copy of it, and report one that changes while it is read.

    Raises:
        CameraError: its size or time of change is another one at the end.
    """
    if isinstance(path, Remote):
        with fetched(path) as copy:
            yield copy
        return
    before = stamp_of(path)
    yield path
    if stamp_of(path) != before:
        raise CameraError(f"{path}: changed while it was read; fix: classify it again when it is complete")


def inputs(named: Sequence[str], on_skipped: Callable[[str], None]) -> Inputs:
    """Return the files to classify: the given ones, and the images and videos of the given folders, sorted by name.

    named: paths and addresses.

    on_skipped: takes a sentence on the files of a folder that are skipped, and why.

    Raises:
        InputError: a path does not exist, or a folder has nothing to classify.
    """
    files: Inputs = []
    for path in [place for text in named for place in (located(text) if is_address(text) else [Path(text)])]:
        if isinstance(path, Remote):
            files.append((path, None))
            continue
        if not exists(path):
            raise InputError(f"{redacted(str(path))}: no such file or folder")
        files += _in_folder(path, on_skipped) if path.is_dir() else [(path, None)]
    _refuse_namesakes(files)
    return files


def _refuse_namesakes(files: Inputs) -> None:
    """Refuse two files with one name: the part of an address that may be a secret is no part of its name."""
    addresses: dict[str, Remote] = {}
    for remote, _ in files:
        if isinstance(remote, Remote) and addresses.setdefault(str(remote), remote) != remote:
            raise InputError(f"{remote}: is given twice, with different queries; fix: classify them one by one")


def _in_folder(folder: Path, on_skipped: Callable[[str], None]) -> Inputs:
    contents = contents_of(folder, (Kind.IMAGE, Kind.VIDEO))
    if contents.skipped:
        on_skipped(f"{folder}: skipped {contents}")
    if not contents.files:
        raise InputError(f"{folder}: has no image and no video")
    return list(contents.files)
