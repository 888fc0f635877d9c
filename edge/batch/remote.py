"""Inputs at an address, s3:// or https://: fetched one by one into a temporary file, which is deleted after use."""

from __future__ import annotations

import errno
import importlib
import logging
import mimetypes
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from edge.capture.kinds import Kind
from edge.errors import CameraError, EdgeError, InputError, Unavailable
from edge.redaction import file_address

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_SILENCE_S = 60
"""A server that sends nothing for so long is given up; a long video may take any time as long as it comes."""
_NAME_CHARACTERS = 100
_LOGGERS = ("aiobotocore", "aiohttp", "botocore", "fsspec", "s3fs")
"""What they log in detail contains whole addresses and signatures."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on another machine; its text is the address without what may be a secret."""

    address: str

    def __str__(self) -> str:
        return file_address(self.address)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(unquote(urlsplit(str(self)).path)).name or "input"

    @property
    def stem(self) -> str:
        """Its name without the extension."""
        return PurePosixPath(self.name).stem

    @property
    def kind(self) -> Kind:
        """What its name promises, for the name of its drawing: its content is not here yet."""
        guessed, _ = mimetypes.guess_type(self.name)
        return Kind.VIDEO if (guessed or "").startswith("video/") else Kind.IMAGE


def is_address(text: str) -> bool:
    """Return whether a text is an address, not a path; `file://` is one, too."""
    return _SCHEME.match(text) is not None


def located(address: str) -> list[Path | Remote]:
    """Return the file at an address; of `s3://BUCKET/FOLDER/` all files below it, by name.

    Raises:
        InputError: the scheme is not one of files, or a folder is empty.
        Unavailable: the extra `remote`, the network or the right to list the folder is missing.
    """
    scheme = _SCHEME.match(address)[1].lower()  # type: ignore[index]
    if scheme == "file":
        return [Path(unquote(urlsplit(address).path))]
    remote = Remote(address)
    if scheme not in ("s3", "http", "https"):
        raise InputError(f"{remote}: not an address of a file; fix: use s3://, https:// or a path")
    if scheme != "s3" or not address.endswith("/"):
        return [remote]
    with _errors_of(remote):
        system, path = _opened(address)
        names = sorted(system.find(path))
    if not names:
        raise InputError(f"{remote}: has no file")
    return [Remote(f"s3://{name}") for name in names]


def version_of(remote: Remote) -> str:
    """Return what changes when a file is replaced: its ETag, else size and time; empty if the server states nothing.

    Raises:
        CameraError: the file is absent, or may not be read.
        Unavailable: the extra `remote`, credentials or the network are missing.
    """
    with _errors_of(remote):
        system, path = _opened(remote.address)
        info = system.info(path)
    return " ".join(str(info[key]) for key in ("ETag", "size", "LastModified") if info.get(key))


@contextmanager
def fetched(remote: Remote) -> Iterator[Path]:
    """Fetch a file, and give its copy on this machine's disk, which is deleted at the end.

    An error about the copy becomes one about the address.

    Raises:
        CameraError: the file is absent, may not be read, is not complete, or there is no room for it.
        Unavailable: the extra `remote`, credentials or the network are missing.
    """
    with tempfile.TemporaryDirectory(prefix="maskwatch-") as folder:
        copy = Path(folder) / remote.name[-_NAME_CHARACTERS:]
        with _errors_of(remote):
            system, path = _opened(remote.address)
            room = importlib.import_module("fsspec.callbacks").Callback(
                hooks={"room": partial(_check_room, remote, Path(folder))}
            )
            system.get_file(path, str(copy), callback=room)
        try:
            yield copy
        except (CameraError, InputError) as error:
            raise type(error)(str(error).replace(str(copy), str(remote))) from error


def _check_room(remote: Remote, folder: Path, size_bytes: int | None, done_bytes: int, **_more: object) -> None:
    """Refuse a file that does not fit, before its content comes."""
    free_bytes = shutil.disk_usage(folder).free
    if not done_bytes and (size_bytes or 0) > free_bytes:
        sizes = f"{(size_bytes or 0) / 1e6:.1f} MB, and {folder.parent} has {free_bytes / 1e6:.1f} MB free"
        raise CameraError(f"{remote}: has {sizes}; fix: set TMPDIR to a folder on a larger disk")


def _opened(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it; each connection is kept for the next file."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        fsspec = importlib.import_module("fsspec")
        if address.lower().startswith("s3:"):
            importlib.import_module("s3fs")
            return fsspec.url_to_fs(address)  # type: ignore[no-any-return]
        patience = importlib.import_module("aiohttp").ClientTimeout(sock_connect=_SILENCE_S, sock_read=_SILENCE_S)
    except ImportError as error:
        raise Unavailable(
            f"{file_address(address)}: needs the packages of an extra; fix: pip install 'maskwatch[remote]'"
        ) from error
    return fsspec.url_to_fs(address, client_kwargs={"timeout": patience})  # type: ignore[no-any-return]


@contextmanager
def _errors_of(remote: Remote) -> Iterator[None]:
    """Raise the errors of the libraries as sentences; theirs may contain the whole address."""
    try:
        yield
    except EdgeError:
        raise
    except _library_errors() as error:
        raise _explained(remote, error) from None


def _library_errors() -> tuple[type[Exception], ...]:
    found: list[type[Exception]] = [OSError]
    for module, name in (("aiohttp", "ClientError"), ("botocore.exceptions", "BotoCoreError")):
        with suppress(ImportError):
            found.append(getattr(importlib.import_module(module), name))
    return tuple(found)


def _explained(remote: Remote, error: Exception) -> EdgeError:
    """Return what an error means for the user; what ends the batch is Unavailable."""
    causes = [error, *([error.__cause__] if error.__cause__ else [])]  # fsspec calls a refused connection "not found"
    signs = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    signs |= {str(getattr(cause, "status", "")) for cause in causes}
    signs |= {errno.errorcode.get(getattr(cause, "errno", None) or 0, "") for cause in causes}
    for meant, kind, sentence in _MEANINGS:
        if signs & meant:
            return kind(f"{remote}: {sentence}")
    return CameraError(f"{remote}: could not be read to its end ({type(error).__name__})")


_MEANINGS: tuple[tuple[set[str], type[EdgeError], str], ...] = (
    ({"NoCredentialsError"}, Unavailable, "no credentials; fix: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret"),
    (
        {"EndpointConnectionError", "ConnectTimeoutError", "ClientConnectorError", "ConnectionTimeoutError"},
        Unavailable,
        "the server does not answer; fix: check the network, and run the command again",
    ),
    ({"PermissionError", "401", "403"}, CameraError, "these credentials may not read it, or there are none"),
    ({"500", "502", "503", "504"}, CameraError, "the server answers with an error; fix: try again later"),
    ({"FileNotFoundError", "404", "410"}, CameraError, "no such file"),
    ({"ENOSPC"}, CameraError, "no room for a copy; fix: set TMPDIR to a folder on a larger disk"),
)
"""Signs of an error, which are the names of its classes, its number, and the status of HTTP; the first match counts."""
