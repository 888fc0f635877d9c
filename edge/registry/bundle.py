"""The file format of a bundle: a tar archive that can be written in one way only, with a signed list of its files.

The archive holds, uncompressed and in this order: `SHA256SUMS` (as sha256sum(1) writes it), `SHA256SUMS.minisig` where
it is signed, and the files that the list names, in its order. Names, hashes and the archive's own bytes follow from
the list and the files alone, so a changed bit anywhere is found.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from edge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Protocol

    class Sink(Protocol):
        """Takes bytes: a file, or a hash."""

        def write(self, content: bytes, /) -> object:
            """Take some bytes."""
            ...


SUFFIX = ".maskwatch"
SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.minisig"
MOST_BYTES = 128 * 2**20
"""Of a whole bundle; the models that ship need a tenth."""
_MOST_FILES = 100
_LONGEST_TEXT = 64 * 2**10
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_CHUNK = 1 << 20
_NAME = re.compile(r"(?:face|mask)(?:/[A-Za-z0-9][A-Za-z0-9_.-]{0,39}){1,3}")
"""Files of models in their folders: no part begins with a dot, so none leads out of its folder."""
_LINE = re.compile(rf"([0-9a-f]{{64}})  ({_NAME.pattern})")


class Listed(NamedTuple):
    """A line of the list of files."""

    sha256: str
    name: str


def write_sums(folder: Path) -> bytes:
    """Write the list of all files below `folder`, and return it.

    Raises:
        ModelError: a file cannot be part of a bundle.
    """
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())
    content = "".join(f"{_sha256(folder / name)}  {name}\n" for name in files).encode()
    read_sums(content)
    (folder / SUMS).write_bytes(content)
    return content


def read_sums(content: bytes) -> list[Listed]:
    """Return the lines of a list of files.

    Raises:
        ModelError: a line or a name is not as a bundle has them, or they are not in order.
    """
    text = content.decode("ascii", "replace")
    lines = [_LINE.fullmatch(line) for line in text.split("\n")[:-1]]
    listed = [Listed(*line.groups()) for line in lines if line]
    names = [line.name for line in listed]
    whole = "".join(f"{line.sha256}  {line.name}\n" for line in listed)
    if not listed or whole != text or names != sorted(set(names)) or len(names) > _MOST_FILES:
        raise ModelError(f"its list of files, {SUMS}, is not as maskwatch writes it")
    return listed


def check_files(folder: Path) -> bytes:
    """Return the list of files of an unpacked bundle, once each was found in it, unchanged, and no other file.

    Raises:
        ModelError: a file is missing, changed or not in the list.
        OSError: one cannot be read.
    """
    content = _read_text(folder / SUMS)
    listed = read_sums(content)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}
    unlisted = found - {line.name for line in listed} - {SUMS, SIGNATURE}
    if unlisted:
        raise ModelError(f"{min(unlisted)} is not in its list of files")
    for line in listed:
        if line.name not in found or (folder / line.name).is_symlink():
            raise ModelError(f"{line.name} is missing")
        if _sha256(folder / line.name) != line.sha256:
            raise ModelError(f"{line.name} is damaged or was changed; fix: copy the bundle again from its origin")
    return content


def signature_of(folder: Path) -> str:
    """Return the signature of an unpacked bundle, empty where it has none."""
    path = folder / SIGNATURE
    return _read_text(path).decode("utf-8", "replace") if path.exists() else ""


def write_bundle(folder: Path, out: Sink) -> None:
    """Write the bundle of a folder that has its list of files. Source: POSIX.1-2001, ustar interchange format."""
    names = [SUMS, *([SIGNATURE] if (folder / SIGNATURE).exists() else [])]
    for name in (*names, *(line.name for line in read_sums(_read_text(folder / SUMS)))):
        size = (folder / name).stat().st_size
        out.write(_header(name, size))
        for chunk in _chunks(folder / name):
            out.write(chunk)
        out.write(bytes(-size % _BLOCK))
    out.write(_END)


def unpack(stream: BinaryIO, folder: Path) -> None:
    """Write the files of a bundle into `folder`, and check that it is what `write_bundle` makes of them.

    Only regular files are written, under names as a bundle has them, and never more bytes than the stream has:
    tarfile's own extraction, which knows links, devices and nested headers, is not used.

    Raises:
        ModelError: it is no bundle, is damaged, or holds something else.
        OSError: it cannot be read, or a file cannot be written.
    """
    read, files = _Hashed(), 0
    while (block := _read(stream, _BLOCK, read)).strip(b"\0"):
        files += 1
        if files > _MOST_FILES:
            raise ModelError(f"it has more than {_MOST_FILES} files")
        _unpack_one(stream, _checked(block), folder, read)
    _read(stream, _BLOCK, read)
    if stream.read(1):
        raise ModelError("it has bytes after its end; fix: copy it again from its origin")
    check_files(folder)
    written = _Hashed()
    write_bundle(folder, written)
    if written.hexdigest() != read.hexdigest():
        raise ModelError("it is damaged or was changed; fix: copy it again from its origin")


class _Hashed:
    """Takes bytes for their hash alone."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.count = 0

    def write(self, content: bytes, /) -> None:
        self._hash.update(content)
        self.count += len(content)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _unpack_one(stream: BinaryIO, header: tarfile.TarInfo, folder: Path, read: _Hashed) -> None:
    if read.count + header.size > MOST_BYTES:
        raise ModelError(f"it is larger than {MOST_BYTES >> 20} MB")
    with _new_file(folder / header.name, header.name) as file:
        for start in range(0, header.size, _CHUNK):
            file.write(_read(stream, min(_CHUNK, header.size - start), read))
    _read(stream, -header.size % _BLOCK, read)


def _new_file(target: Path, name: str) -> BinaryIO:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.open("xb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ModelError(f"{name} is in it twice, as files or as file and folder") from None


def _checked(block: bytes) -> tarfile.TarInfo:
    """Return what a header states, if a bundle may have it."""
    try:
        header = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError):
        raise ModelError("it is no bundle of models, or is damaged") from None
    if block != _header(header.name, header.size) or not (
        header.name in (SUMS, SIGNATURE) or _NAME.fullmatch(header.name)
    ):
        raise ModelError(f'"{header.name[:80]}" is nothing that a bundle may hold')
    return header


def _header(name: str, size: int) -> bytes:
    """Return the one header that a file of a bundle may have; empty where no header can state it."""
    header = tarfile.TarInfo(name)
    header.size = size
    try:
        return header.tobuf(tarfile.USTAR_FORMAT)
    except ValueError:
        return b""


def _read(stream: BinaryIO, count: int, read: _Hashed) -> bytes:
    """Return exactly `count` bytes."""
    content = b""
    while len(content) < count and (more := stream.read(count - len(content))):
        content += more
    if len(content) < count:
        raise ModelError("it ends too early; fix: copy it again from its origin")
    read.write(content)
    return content


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_text(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_TEXT + 1)
    except FileNotFoundError:
        raise ModelError(f"{path.name} is missing") from None
    if len(content) > _LONGEST_TEXT:
        raise ModelError(f"{path.name} is too long")
    return content
