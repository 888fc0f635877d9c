"""The token that opens the page: a file of its own, made once, readable only by the user who runs the page."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from edge import files, paths, secret
from edge.errors import ConfigError, OutputError
from edge.show.page.sessions import normalised

if TYPE_CHECKING:
    from edge.settings.schema import WebSettings

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""No two that can be confused: a token is typed into a phone at a bus stop."""
_GROUPS, _GROUP = 5, 4
"""20 of 31 letters are 99 bits: beyond guessing at `wrong_tries` per minute."""
_SHORTEST = 12
_FILE = "web-token"
_ROOT = 0


def token_path(web: WebSettings) -> Path:
    """Return the file of the token: the one in the settings, else one in the state folder."""
    return Path(web.token_file) if web.token_file else paths.state_folder() / _FILE


def path_to_print(own: Path, *, is_set: bool) -> Path:
    """Return the file of the token to print for a user: the service's where a service is installed.

    own: this user's file, which is returned where the settings name it, where no service is installed, or while a page
    of this user runs.  is_set: whether the settings name it.
    """
    if is_set or in_use(own) or not paths.SERVICE_STATE.is_dir():
        return own
    return paths.SERVICE_STATE / own.name


def token_of(path: Path) -> str:
    """Return the token in a file; make the file where there is none.

    Raises:
        ConfigError: the file cannot be read, everybody may read it, or it does not hold a token.
        OutputError: the file cannot be created.
    """
    try:
        if not path.exists():
            _write_new(path, "-".join("".join(map(secrets.choice, [_LETTERS] * _GROUP)) for _ in range(_GROUPS)))
    except PermissionError as error:
        raise ConfigError(
            f"web.token_file: {path}: cannot be read by this user; fix: run this again with sudo"
        ) from error
    except OSError as error:
        raise OutputError(f"web.token_file: {path}: cannot be created: {error.strerror}") from error
    token = secret.read("web.token_file", path).strip()
    if len(normalised(token)) < _SHORTEST:
        raise ConfigError(f"web.token_file: {path}: holds no token of {_SHORTEST} letters or more; fix: rm {path}")
    return token


def _write_new(path: Path, token: str) -> None:
    """Write a file that only its owner can read; after a power cut it is complete or absent.

    Where root makes it, the file and its new folders belong to the owner of the existing folder: the service must be
    able to read them.
    """
    above = (path.parent, *path.parent.parents)
    missing = [folder for folder in above if not folder.exists()]
    owner = next(folder for folder in above if folder not in missing).stat()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.replacing(path, mode=0o600, durable=True) as draft:
        if os.geteuid() == _ROOT:
            for made in (*missing, draft):
                os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)
        draft.write_text(f"{token}\n")


def hold(path: Path) -> None:
    """Mark a token as in use by a running page, until this process ends."""
    fcntl.flock(os.open(path, os.O_RDONLY | os.O_CLOEXEC), fcntl.LOCK_SH)


def in_use(path: Path) -> bool:
    """Return whether a running page uses this token; False where this user cannot find out."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
