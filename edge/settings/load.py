"""Load the settings in layers: defaults < environment < system file < user file < --config < --set."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from edge import paths, secret
from edge.errors import ConfigError
from edge.paths import exists
from edge.redaction import keys_with_passwords, redacted
from edge.settings import explain
from edge.settings.schema import Environment, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SYSTEM_FILE = Path("/etc/maskwatch/config.toml")
_DEFAULTS = "default.toml"
"""Names the defaults of the schema as an origin: config/default.toml lists them."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each dotted key the name of the layer that set it."""

    settings: Settings
    origins: dict[str, str]


def load(
    environment: Environment = Environment.DEVELOPMENT,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    *,
    system_file: Path | None = SYSTEM_FILE,
    user_file: Path | None = None,
) -> Loaded:
    """Return the settings of defaults < environment < system file < `user_file` < `file` < `overrides` (key=value).

    system_file, user_file: read if they exist; None: not read.

    Raises:
        ConfigError: a file is missing or is not TOML, a key is unknown, or a value has the wrong type or range.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in _layers(environment, file, overrides, system_file, user_file):
        known = list(origins)
        for key, value in _flatten(layer):
            if known and key not in known:
                raise ConfigError(f"{origin}: {_unknown(key, known)}")
            values[key] = _typed(value, values.get(key))
            origins[key] = origin
    try:
        return Loaded(Settings.model_validate(_nest(values)), origins)
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from None


def lay_over(settings: Settings, changes: Mapping[str, object], origin: str) -> Settings:
    """Return `settings` with the values of `changes` (by dotted key), validated like a file.

    Raises:
        ConfigError: a value has the wrong type or range; the sentence names `origin`.
    """
    values = settings.model_dump()
    for key, value in changes.items():
        section, _, name = key.partition(".")
        values[section][name] = value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error, dict.fromkeys(changes, origin))) from None


def _layers(
    environment: Environment,
    file: Path | None,
    overrides: Sequence[str],
    system_file: Path | None,
    user_file: Path | None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (origin, nested values), from the first layer to the one that overrides all others."""
    difference = paths.config() / f"{environment}.toml"
    yield _DEFAULTS, Settings().model_dump()
    yield difference.name, _read(difference)
    if system_file is not None and system_file.exists():
        yield str(system_file), _read_private(system_file)
    if user_file is not None and exists(user_file):
        yield str(user_file), _read_private(user_file)
    if file is not None:
        yield str(file), _read_private(file)
    for override in overrides:
        yield "--set", _parse_override(override)


def _read_private(path: Path) -> dict[str, Any]:
    """Return the values of a user's file; one with a password must not be readable by everybody."""
    values = _read(path)
    keys = keys_with_passwords(values)
    if keys and secret.is_public(path.stat()):
        group = f"chgrp maskwatch {path}; " if path == SYSTEM_FILE else ""
        raise ConfigError(
            f"{path}: {keys[0]}: holds a password, and everybody may read this file; fix: use camera.user and "
            f"camera.password_file, or: {group}chmod o-rwx {path}"
        )
    return values


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))  # Windows editors begin a file with a byte order mark
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8; fix: save it as UTF-8 text") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error


@dataclass(frozen=True, slots=True)
class _Unquoted:
    """A value of `--set` without quotes that TOML does not read as text."""

    text: str
    parsed: object


def _typed(value: object, before: object) -> object:
    """Return an unquoted value of `--set` as text if the setting is text (`device.name=7`), else as TOML reads it."""
    if not isinstance(value, _Unquoted):
        return value
    is_text = isinstance(before, str) and not isinstance(value.parsed, dict)
    return value.text if is_text else value.parsed


_KEY = re.compile(r"\s*\w+(\.\w+)+\s*")


def _parse_override(text: str) -> dict[str, Any]:
    """Return {"a": {"b": value}} for "a.b=value"; the value is read as TOML if it is TOML, else as text."""
    key, equals, value = text.partition("=")
    if not equals or not _KEY.fullmatch(key):
        shown = redacted(text).partition("=")[0]  # redacted as a whole: the first "=" may be part of a password
        raise ConfigError(f"--set {shown}: write section.key=value, for example mqtt.port=1883")
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    return _nest({key.strip(): parsed if isinstance(parsed, str) else _Unquoted(value.strip(), parsed)})


def _flatten(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of each setting in each section."""
    for section, content in values.items():
        if isinstance(content, dict):
            yield from ((f"{section}.{key}", value) for key, value in content.items())
        else:
            yield section, content


def _nest(values: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        nested.setdefault(section, {})[name] = value
    return nested


def _unknown(key: str, known: list[str]) -> str:
    """Return "mqtt.prot: unknown setting (did you mean 'port'?)"."""
    section = key.partition(".")[0]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    same_section = bool(near) and near[0].startswith(f"{section}.")
    hint = f" (did you mean '{near[0].partition('.')[2] if same_section else near[0]}'?)" if near else ""
    return f"{redacted(key)}: unknown setting{hint}; `maskwatch check` lists them all"


def _explain(error: ValidationError, origins: dict[str, str]) -> str:
    """Return a sentence with the origin of the first wrong value and what is wrong with it."""
    found = error.errors()
    place = found[0]["loc"][:2]
    key = ".".join(str(part) for part in place)
    default = dict(_flatten(Settings().model_dump(mode="json"))).get(key)
    same = [dict(other) for other in found if other["loc"][:2] == place]
    return f"{origins.get(key, 'settings')}: {explain.sentence(same, key, _shown(found[0].get('input')), default)}"


def _shown(value: object) -> str:
    """Return a refused value as it may be shown: only the type of one that contains an address."""
    text = repr(value)
    return f"this {type(value).__name__}" if "//" in text or "@" in text else text
