"""Read a secret from its file, unchanged; refuse a file that everybody may read or change."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge.errors import ConfigError
from edge.paths import exists

_LONGEST_BYTES = 65_535
"""Source: MQTT 5.0, 3.1.3.6: a password is binary data with a two-byte length; a camera accepts far less."""


def is_public(file: os.stat_result) -> bool:
    """Return whether every user of this machine may read a file, or write another secret into it."""
    return bool(file.st_mode & (stat.S_IROTH | stat.S_IWOTH))


def check_private(key: str, path: Path) -> None:
    """Check that not everybody may read the file that the setting `key` names.

    Raises:
        ConfigError: everybody may read or change it.
        OSError: it does not exist, or this user may not enter its folder.
    """
    if not path.is_dir() and is_public(path.stat()):
        raise ConfigError(f"{key}: {path}: everybody may read it; fix: chmod o-rwx {path}")


def password(key: str, file: str, *, credential: str) -> str:
    """Return the password in `file`, else in the systemd credential of that name, else "".

    A unit passes a blank credential where it has no file for it, which counts as no password.

    Raises:
        ConfigError: see `read`.
    """
    if file:
        return read(key, Path(file))
    passed = Path(os.environ.get("CREDENTIALS_DIRECTORY") or "/nonexistent") / credential
    return read(key, passed, blank=True) if exists(passed) else ""


def read(key: str, path: Path, *, blank: bool = False) -> str:
    """Return the only line of a file without line end and byte order mark; blanks are part of the secret.

    blank: accept a file without a secret, as "".

    Raises:
        ConfigError: everybody may read it, it cannot be read, or it has no secret; the sentence begins with `key`.
    """
    try:
        check_private(key, path)
        with path.open("rb") as file:
            text = _line(file.read(_LONGEST_BYTES + 1))
    except ConfigError:
        raise
    except PermissionError:
        raise ConfigError(f"{key}: {path}: cannot be read by this user; fix: ask its owner, or use sudo") from None
    except IsADirectoryError:
        raise ConfigError(f"{key}: {path}: cannot be read: it is a folder; fix: name the file") from None
    except OSError as error:
        raise ConfigError(f"{key}: {path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(
            f"{key}: {path}: cannot be read: {error}; fix: write only the secret into it, on one line"
        ) from None
    if not text and not blank:
        raise ConfigError(f"{key}: {path}: is empty; fix: write the secret into it, on one line")
    return text


def _line(content: bytes) -> str:
    """Return the only line of a text, "" for one of blanks; raise ValueError with the reason otherwise."""
    if len(content) > _LONGEST_BYTES:
        raise ValueError(f"it is longer than {_LONGEST_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if "\n" in text or "\r" in text:
        raise ValueError("it has more than one line")
    return text if text.strip() else ""
