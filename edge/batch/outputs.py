"""Files that the commands write: whole or not at all, and never over an input."""

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

    from edge.batch.remote import Remote
    from edge.data import Image


class Text(Protocol):
    """Takes text."""

    def write(self, text: str, /) -> object:
        """Write it all."""
        ...


class TextOutput:
    """An unbuffered text file: what has been written is on the disk, and each row is complete or absent."""

    def __init__(self, path: Path, file: FileIO) -> None:
        """Write into an open file; `path` is its name in error sentences."""
        self._path = path
        self._file = file

    def write(self, text: str) -> None:
        """Write text as UTF-8; bytes of a file name that are not valid UTF-8 are kept (surrogateescape).

        Raises:
            OutputError: it cannot be written, for example because the disk is full.
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
    """Standard output, with the same errors as a file."""

    def write(self, text: str) -> None:
        """Write text immediately.

        Raises:
            OutputError: the disk is full.
            BrokenPipeError: the reader has closed the pipe.
        """
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            # Python keeps what could not be written, and would report it again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise OutputError(f"standard output: cannot be written: {error.strerror}") from error


@contextmanager
def whole_file(path: Path | None, *, partly: bool = False) -> Iterator[Text | None]:
    """Open a text file that appears under its name only when it is complete; - is standard output.

    partly: if the command ends early, by Ctrl-C or a full disk, the rows that are complete are kept.

    Raises:
        OutputError: it cannot be written.
    """
    if path is None or str(path) == "-":
        yield StandardOutput() if path else None
        return
    with _opened(path, partly=partly) as file:
        yield TextOutput(path, file)


@contextmanager
def whole_bytes(path: Path) -> Iterator[FileIO]:
    """Open a binary file that appears under its name only when it is complete.

    Raises:
        OutputError: it cannot be written.
    """
    with _opened(path, partly=False) as file:
        yield file


@contextmanager
def _opened(path: Path, *, partly: bool) -> Iterator[FileIO]:
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")
    # a device is written in place; a link is kept, and its target written
    place = nullcontext(path) if is_device(path) else files.replacing(path.resolve(), keep_partial=partly)
    with ExitStack() as opened:
        with errors_of(path):
            draft = opened.enter_context(place)
            file = opened.enter_context(draft.open("wb", buffering=0))
        yield file
        with errors_of(path):
            opened.close()


def remove_drafts(paths: Iterable[Path]) -> None:
    """Remove the unfinished outputs of runs that were killed; only for the one run that writes these files."""
    for path in paths:
        files.remove_drafts(path.resolve())


def is_device(path: Path) -> bool:
    """Return whether a path is a device, a pipe or a file that a shell has opened: written to, not replaced."""
    return (path.exists() and not path.is_file()) or path.absolute().parts[1:2] in (("dev",), ("proc",))


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Raise the errors of writing a file as an OutputError that names it."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise _error(path, error) from error


def _error(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written: {error.strerror}")


def save_image(path: Path, image: Image) -> None:
    """Write an image in the format of the name's extension, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    import cv2  # noqa: PLC0415 - late: doctor writes files even if OpenCV is missing

    try:
        written, content = cv2.imencode(path.suffix, image)
    except cv2.error as error:  # an extension that is no image format
        raise OutputError(f"{path}: cannot be written: use the extension .png or .jpg") from error
    if not written:
        raise OutputError(f"{path}: cannot be written: too large for {path.suffix}")
    with errors_of(path), files.replacing(path) as draft:
        draft.write_bytes(content.tobytes())


def check_outputs(named: Mapping[str, Path | None], inputs: Sequence[Path]) -> None:
    """Refuse outputs that would overwrite an input or each other.

    named: the file of each option, None if it is not given.

    Raises:
        OutputError: an output is the same file as an input or another output.
    """
    taken = _identities(inputs)
    outputs: dict[Path, str] = {}
    for option, path in named.items():
        if path is None or str(path) == "-":
            continue
        if _identity(path) in taken:
            raise OutputError(f"{path}: is an input; choose another file for {option}")
        other = outputs.setdefault(path.absolute(), option)
        if other != option:
            raise OutputError(f"{path}: is given for {other} and for {option}; choose two files")


class Drawings:
    """A folder of drawings with unique names; none overwrites an input, or any file in the folder of an input."""

    def __init__(self, folder: Path, inputs: Sequence[Path]) -> None:
        """Create the folder if it does not exist.

        Raises:
            OutputError: it cannot be created.
        """
        self._folder = folder
        self._used: set[str] = set()
        self._inputs = _identities(inputs)
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file; choose a folder for --annotate")
        with errors_of(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.among_inputs = _identity(folder) in _identities([path.absolute().parent for path in inputs])

    def path_for(self, source: Path | Remote, ending: str) -> Path:
        """Return the path for the drawing of an input: its name, with a number if that is taken."""
        name = f"{source.stem}{ending}"
        number = 1
        while self._is_taken(name):
            number += 1
            name = f"{source.stem}_{number}{ending}"
        self._used.add(name.casefold())  # FAT, common on SD cards and USB sticks, ignores case
        return self._folder / name

    def _is_taken(self, name: str) -> bool:
        identity = _identity(self._folder / name)
        return name.casefold() in self._used or identity in self._inputs or (self.among_inputs and identity is not None)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode, which identify a file under any name; None if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _identities(paths: Sequence[Path]) -> set[tuple[int, int]]:
    return {identity for path in paths if (identity := _identity(path))}


def to_json(figures: dict[str, Any]) -> str:
    """Return figures as indented JSON."""
    return _in_unicode(json.dumps(figures, indent=1, ensure_ascii=False)) + "\n"


def to_line(row: dict[str, Any] | list[Any]) -> str:
    """Return a row as one JSON line."""
    return _in_unicode(json.dumps(row, ensure_ascii=False)) + "\n"


def to_lines(rows: Iterable[dict[str, Any]]) -> str:
    """Return one JSON line per row."""
    return "".join(to_line(row) for row in rows)


def _in_unicode(text: str) -> str:
    r"""Return JSON that every reader accepts: a byte of a file name that is not valid UTF-8 is written as \udcXX.

    Python's json reads that back as a name from which `os.fsencode` gives the same bytes.
    """
    return text.encode("utf-8", "backslashreplace").decode()
