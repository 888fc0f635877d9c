"""Secrets in files of their own: read whole and unchanged, and refused where everybody may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge.errors import ConfigError
from edge.paths import seen

_LONGEST_BYTES = 65_535
"""Source: MQTT 5.0, 3.1.3.6: a password is binary data with a two-byte length; a camera takes far less."""


def is_open(file: os.stat_result) -> bool:
    """Return whether everybody on this machine may read a file, or write another secret into it."""
    return bool(file.st_mode & (stat.S_IROTH | stat.S_IWOTH))


def refuse_open(key: str, path: Path) -> None:
    """Refuse a file that `key` names where everybody may read it.

    Raises:
        ConfigError: everybody may.
        OSError: it is not there, or this user may not enter its folder.
    """
    if not path.is_dir() and is_open(path.stat()):
        raise ConfigError(f"{key}: {path}: everybody may read it; fix: chmod o-rwx {path}")


def password(key: str, file: str, *, credential: str) -> str:
    """Return the password in `file`, else in systemd's credential of that name, else "".

    A unit hands over a blank credential where there is no file for it, which is no password either.

    Raises:
        ConfigError: see `read`.
    """
    if file:
        return read(key, Path(file))
    handed = Path(os.environ.get("CREDENTIALS_DIRECTORY") or "/nonexistent") / credential
    return read(key, handed, blank=True) if seen(handed) else ""


def read(key: str, path: Path, *, blank: bool = False) -> str:
    """Return the one line of a file without its end of line and byte order mark; blanks belong to the secret.

    blank: whether a file without a secret is taken, as "".

    Raises:
        ConfigError: everybody may read it, nobody can, or it holds no secret; the sentence begins with `key`.
    """
    try:
        refuse_open(key, path)
        with path.open("rb") as file:
            text = _line(file.read(_LONGEST_BYTES + 1))
    except ConfigError:
        raise
    except PermissionError:
        raise ConfigError(f"{key}: {path}: cannot be read by this user; fix: ask its owner, or sudo") from None
    except IsADirectoryError:
        raise ConfigError(f"{key}: {path}: cannot be read: it is a folder; fix: name the file in it") from None
    except OSError as error:
        raise ConfigError(f"{key}: {path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{key}: {path}: cannot be read: {error}; fix: the secret alone, on one line") from None
    if not text and not blank:
        raise ConfigError(f"{key}: {path}: is empty; fix: write the secret into it, on one line")
    return text


def _line(content: bytes) -> str:
    """Return the one line of a text, "" for blanks alone; raises ValueError with the reason."""
    if len(content) > _LONGEST_BYTES:
        raise ValueError(f"it is longer than {_LONGEST_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if "\n" in text or "\r" in text:
        raise ValueError("it has more than one line")
    return text if text.strip() else ""
