"""Edit the settings file of a device: comments stay, and the file is replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import tomlkit
from tomlkit.exceptions import TOMLKitError

from edge import files
from edge.errors import ConfigError, OutputError
from edge.paths import user_settings
from edge.redaction import keys_with_passwords
from edge.settings.load import SYSTEM_FILE, load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tomlkit.items import InlineTable

    from edge.settings.schema import Environment

    Value = str | int | float | bool | list[str] | dict[str, str]

_NOWHERE = Path("/nonexistent/config.toml")


def own_file() -> Path:
    """Return the file that setup writes: the service's for root, else this user's, which every command reads."""
    if os.geteuid() == 0:
        return SYSTEM_FILE
    return user_settings() or Path("maskwatch.toml")


def is_read(path: Path) -> bool:
    """Return whether every command of this user reads a file even without --config."""
    return path in (SYSTEM_FILE, user_settings())


def changed(text: str, values: Mapping[str, Value], comments: Mapping[str, str], name: str) -> str:
    """Return a TOML text with the dotted keys set to `values`; new keys get their comment, everything else stays.

    Raises:
        ConfigError: the text, of the file `name`, is not TOML.
    """
    sections = dict.fromkeys(key.partition(".")[0] for key in values)
    # the last key of a section first, since each is inserted right below the header
    for key in (key for section in sections for key in reversed(list(values)) if key.startswith(f"{section}.")):
        try:
            document = tomlkit.parse(text)
        except TOMLKitError as error:
            raise ConfigError(f"{name}: is not TOML: {error}") from error
        text = _set(document, key, values[key], comments.get(key, ""))
    return text


def _set(document: tomlkit.TOMLDocument, key: str, value: Value, comment: str) -> str:
    """Return a document with one key set."""
    section, _, setting = key.partition(".")
    exists = setting in document.get(section, {})
    item = _inline(value) if isinstance(value, dict) else tomlkit.item(value)
    if comment and not exists:
        item.comment(comment)
    header = re.compile(rf"^[ \t]*\[[ \t]*{section}[ \t]*\].*\n?", re.MULTILINE)
    if exists or not header.search(tomlkit.dumps(document)):
        document.setdefault(section, tomlkit.table())[setting] = value if exists else item
        return tomlkit.dumps(document)
    # right below the header: at the end of the section, tomlkit would insert it after a commented-out next section
    line = tomlkit.dumps(tomlkit.document().add(setting, item))
    return header.sub(lambda found: f"{found[0].rstrip()}\n{line}", tomlkit.dumps(document), count=1)


def _inline(values: Mapping[str, str]) -> InlineTable:
    """Return a table for one line, as a list of words by language is written."""
    table = tomlkit.inline_table()
    table.update(values)
    return table


def write_settings(path: Path, text: str, environment: Environment) -> None:
    """Write a settings file once maskwatch accepts it, whole or not at all, with owner and mode of the old one.

    One with a password is not readable by everybody.

    Raises:
        ConfigError: a setting is wrong.
        OutputError: the file cannot be written.
    """
    real = path.resolve()
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        mode = real.stat().st_mode & 0o777 if real.exists() else 0o644
        if keys_with_passwords(tomlkit.parse(text).unwrap()):
            mode &= ~0o007
        with files.replacing(real, mode=mode, durable=True) as draft:
            draft.write_text(text, "utf-8")
            _check(draft, path, environment)
            _keep_owner(draft, real)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; fix: name another with --config") from error


def _check(draft: Path, path: Path, environment: Environment) -> None:
    """Load the draft as maskwatch would; an error names the file that it replaces."""
    try:
        load(environment, draft, system_file=_NOWHERE)
    except ConfigError as error:
        raise ConfigError(str(error).replace(str(draft), str(path))) from None


def _keep_owner(draft: Path, path: Path) -> None:
    """Give a draft the owner of the file that it replaces, and a new file of the service the service's group."""
    with contextlib.suppress(PermissionError, LookupError):  # the owner is another user, or no service is installed
        if path.exists():
            os.chown(draft, path.stat().st_uid, path.stat().st_gid)
        elif path == SYSTEM_FILE:
            shutil.chown(draft, group="maskwatch")


def write_secret(path: Path, text: str) -> None:
    """Write a secret that only its owner may read, at every moment.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path.resolve(), mode=0o600, durable=True) as draft:
            draft.write_text(f"{text}\n", "utf-8")
            _keep_owner(draft, path.resolve())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
