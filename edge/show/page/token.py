"""The token that opens the page: a file of its own, made once, for the user whose page it opens."""

from __future__ import annotations

import fcntl
import os
import secrets
from typing import TYPE_CHECKING

from edge import paths, secret
from edge.errors import ConfigError
from edge.show.page.sessions import plain

if TYPE_CHECKING:
    from pathlib import Path

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""None that looks like another: a token is typed into a phone at a bus stop."""
_GROUPS, _GROUP = 5, 4
"""20 letters of 31 are 99 bits; at `wrong_tries` a minute nobody gets anywhere."""
_SHORTEST = 12
_ROOT = 0


def path_to_show(own: Path, *, named: bool) -> Path:
    """Return the file of the token that somebody asks for: the service's where there is a service.

    own: this user's, which it is where no service is installed, or a page of this user is up.  named: by a setting.
    """
    if named or in_use(own) or not paths.SERVICE_STATE.is_dir():
        return own
    return paths.SERVICE_STATE / own.name


def token_of(path: Path) -> str:
    """Return the token in a file, which is made where there is none.

    Raises:
        ConfigError: the file cannot be read or made, everybody may read it, or what it holds is no token.
    """
    try:
        if not path.exists():
            _write_new(path, "-".join("".join(map(secrets.choice, [_LETTERS] * _GROUP)) for _ in range(_GROUPS)))
    except PermissionError as error:
        raise ConfigError(f"web.token_file: {path}: cannot be read by this user; fix: ask again with sudo") from error
    except OSError as error:
        raise ConfigError(f"web.token_file: {path}: cannot be made: {error.strerror}") from error
    token = secret.read("web.token_file", path).strip()
    if len(plain(token)) < _SHORTEST:
        raise ConfigError(f"web.token_file: {path}: holds no token of {_SHORTEST} letters or more; mend: rm {path}")
    return token


def _write_new(path: Path, token: str) -> None:
    """Write a file that is whole or absent whenever the power goes, and readable by its owner only.

    Made by root, file and folders belong to the owner of the folder that was there: the service must read it, too.
    """
    above = (path.parent, *path.parent.parents)
    missing = [folder for folder in above if not folder.exists()]
    owner = next(folder for folder in above if folder not in missing).stat()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        if os.geteuid() == _ROOT:
            for made in (*missing, draft):
                os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)
        file.write(f"{token}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def hold(path: Path) -> None:
    """Mark a token as that of a page which is up, until this process ends."""
    fcntl.flock(os.open(path, os.O_RDONLY | os.O_CLOEXEC), fcntl.LOCK_SH)


def in_use(path: Path) -> bool:
    """Return whether a page that is up has this token; False where this user cannot know."""
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
