"""Files that the commands write: whole or not at all, never over an input, one sentence where they cannot be."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Protocol

from edge import files
from edge.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from io import FileIO
    from pathlib import Path

    from edge.data import Image


class Text(Protocol):
    """Takes text."""

    def write(self, text: str, /) -> object:
        """Write it all."""
        ...


class TextOutput:
    """A text file without a buffer: what was written stands on the disk, and a row is there whole or not at all."""

    def __init__(self, path: Path, file: FileIO) -> None:
        """Write into an opened file; `path` is its name for people."""
        self._path, self._file = path, file

    def write(self, text: str) -> None:
        """Write text as UTF-8; bytes of a file name that are none stay what they are (surrogateescape).

        Raises:
            OutputError: the disk is full, say.
        """
        rest = memoryview(text.encode("utf-8", "surrogateescape"))
        begun_at = self._file.tell() if self._file.seekable() else None
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            if begun_at is not None:
                with suppress(OSError):
                    self._file.truncate(begun_at)
            raise _error(self._path, error) from error


class StandardOutput:
    """Standard output, whose errors are sentences, too."""

    def write(self, text: str) -> None:
        """Write text at once.

        Raises:
            OutputError: the disk is full.
            BrokenPipeError: nobody reads any more.
        """
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            # what could not be written is still held, and Python would complain of it again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise OutputError(f"standard output: cannot be written: {error.strerror}") from error


@contextmanager
def whole_file(path: Path | None, *, partly: bool = False) -> Iterator[Text | None]:
    """Open a text file that appears under its name only when all is written; - is standard output.

    partly: the rows that are finished are kept, too, where the command ends early, by Ctrl-C or a full disk.

    Raises:
        OutputError: it cannot be written.
    """
    if path is None or str(path) == "-":
        yield StandardOutput() if path else None
        return
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")
    # a device is written in place; a link goes on pointing to what is written
    place = nullcontext(path) if _is_device(path) else files.replacing(path.resolve(), keep_partial=partly)
    with ExitStack() as opened:
        with _errors_of(path):
            draft = opened.enter_context(place)
            file = opened.enter_context(draft.open("wb", buffering=0))
        yield TextOutput(path, file)
        with _errors_of(path):
            opened.close()


def _is_device(path: Path) -> bool:
    """Return whether a name stands for a device, a pipe, or what a shell has opened: to be written, not replaced."""
    return (path.exists() and not path.is_file()) or path.absolute().parts[1:2] in (("dev",), ("proc",))


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise _error(path, error) from error


def _error(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written: {error.strerror}")


def save_picture(path: Path, image: Image) -> None:
    """Write an image in the format that the name's ending stands for, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    import cv2  # noqa: PLC0415 - late, for doctor writes files where OpenCV is missing

    try:
        written, content = cv2.imencode(path.suffix, image)
    except cv2.error as error:  # a name that says no format
        raise OutputError(f"{path}: cannot be written: name it .png or .jpg") from error
    if not written:
        raise OutputError(f"{path}: cannot be written: too large for {path.suffix}")
    with _errors_of(path), files.replacing(path) as draft:
        draft.write_bytes(content.tobytes())


def check_outputs(named: Mapping[str, Path | None], inputs: Sequence[Path]) -> None:
    """Refuse to write over an input, and two outputs into one file.

    named: the file of each option, None where it is not given.

    Raises:
        OutputError: an output is an input, or another output.
    """
    taken = _identities(inputs)
    outputs: dict[Path, str] = {}
    for option, path in named.items():
        if path is None or str(path) == "-":
            continue
        if _identity(path) in taken:
            raise OutputError(f"{path}: is an input; name another file for {option}")
        other = outputs.setdefault(path.absolute(), option)
        if other != option:
            raise OutputError(f"{path}: is named for {other} and for {option}; name two files")


class Drawings:
    """A folder of drawings: each has a name of its own, and none is written over an input or what lies beside one."""

    def __init__(self, folder: Path, inputs: Sequence[Path]) -> None:
        """Make the folder where it is not there yet.

        Raises:
            OutputError: it cannot be made.
        """
        self._folder, self._used = folder, set[str]()
        self._inputs = _identities(inputs)
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file; name a folder for --annotate")
        with _errors_of(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._among_inputs = _identity(folder) in _identities([path.absolute().parent for path in inputs])

    def path_for(self, source: Path, ending: str) -> Path:
        """Return where the drawing of an input goes: under its name, with a number where that is taken."""
        name, number = f"{source.stem}{ending}", 1
        while self._is_taken(name):
            number += 1
            name = f"{source.stem}_{number}{ending}"
        self._used.add(name.casefold())  # FAT, as cards and sticks have it, knows no capitals
        return self._folder / name

    def _is_taken(self, name: str) -> bool:
        identity = _identity(self._folder / name)
        return (
            name.casefold() in self._used or identity in self._inputs or (self._among_inputs and identity is not None)
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what a file is whatever its name, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _identities(paths: Sequence[Path]) -> set[tuple[int, int]]:
    return {identity for path in paths if (identity := _identity(path))}


def to_json(figures: dict[str, Any]) -> str:
    """Return figures as JSON for a person and for `jq`."""
    return _in_unicode(json.dumps(figures, indent=1, ensure_ascii=False)) + "\n"


def to_line(row: dict[str, Any]) -> str:
    """Return a row as one JSON line."""
    return _in_unicode(json.dumps(row, ensure_ascii=False)) + "\n"


def to_lines(rows: Iterable[dict[str, Any]]) -> str:
    """Return one JSON line a row."""
    return "".join(to_line(row) for row in rows)


def _in_unicode(text: str) -> str:
    r"""Return JSON that every reader takes: a byte of a name that is no UTF-8 is written as \udcXX.

    Python's json reads that back as the name that `os.fsencode` makes the same bytes of.
    """
    return text.encode("utf-8", "backslashreplace").decode()
