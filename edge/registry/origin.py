"""Where a bundle comes from: a file, a folder such as the mount point of a USB stick, or an HTTPS URL."""

from __future__ import annotations

import tempfile
import time
import urllib.request
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from edge.errors import InputError, ModelError
from edge.redaction import redacted
from edge.registry.bundle import MOST_BYTES, SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPMessage

_READ_S = 30.0
_WHOLE_S = 900.0
"""A bundle of 10 MB over a mobile connection of 128 kbit/s takes 11 minutes."""
_CHUNK = 64 << 10


@contextmanager
def opened(origin: str) -> Iterator[tuple[BinaryIO, str]]:
    """Give a bundle as an open file, and its name for messages; what is downloaded is deleted at the end.

    Raises:
        InputError: there is no such file, the folder holds none, or the server does not deliver one.
        ModelError: the origin is a plain http URL, or what the server sends is too large.
    """
    if "://" in origin:
        with tempfile.TemporaryFile() as file:
            _download(origin, file)
            file.seek(0)
            yield cast("BinaryIO", file), redacted(origin)
        return
    path = _file(Path(origin))
    with _file_of(path) as stream:
        yield stream, str(path)


def _file_of(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _file(path: Path) -> Path:
    """Return the bundle that a path names: itself, or the only one in a folder."""
    if not path.is_dir():
        return path
    found = sorted(path.glob(f"*{SUFFIX}"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found[:5])
        raise InputError(f"{path}: holds several bundles; fix: name one of {names}")
    raise InputError(f"{path}: holds no bundle, a file that ends in {SUFFIX}; fix: name one")


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to https."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _refuse_plain(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refuse_plain(url: str) -> None:
    if not url.lower().startswith("https://"):
        raise ModelError(f"{redacted(url)}: is not encrypted; fix: use https, or name a file or a folder")


def _download(url: str, file: IO[bytes]) -> None:
    _refuse_plain(url)
    end_at = time.monotonic() + _WHOLE_S
    try:
        with urllib.request.build_opener(_HttpsOnly).open(url, timeout=_READ_S) as response:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                if file.tell() > MOST_BYTES:
                    raise ModelError(f"{redacted(url)}: is larger than {MOST_BYTES >> 20} MB")
                if time.monotonic() > end_at:
                    raise InputError(f"{redacted(url)}: has not arrived within {_WHOLE_S / 60:.0f} minutes")
    except (ModelError, InputError):
        raise
    except (OSError, HTTPException, ValueError) as error:
        raise InputError(
            f"{redacted(url)}: cannot be downloaded: {error}; fix: check the address, then try again"
        ) from error
