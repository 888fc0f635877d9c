"""The reference of all settings, written from the schema: the text of config/default.toml and of docs/settings.md."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from edge.settings.explain import as_toml
from edge.settings.load import load
from edge.settings.schema import Environment, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.settings.fields import Section

    Schema = dict[str, Any]

_COLUMNS = 100
_TOML_HEAD = """\
# Every setting of maskwatch with its default, its unit and its reason.
# This file is written from edge/settings/ by `make reference` and changes nothing: put your own values into
# /etc/maskwatch/config.toml, ~/.config/maskwatch/config.toml or a file of your own (--config FILE), or give them
# on the command line (--set key=value).
"""
_PAGE_HEAD = """\
# Settings

This page is written from `edge/settings/` by `make reference`; do not edit it.

A settings file is TOML. Each setting belongs to a section: `mqtt.port = 1884` is the same as `port = 1884` below the
header `[mqtt]`. A file contains only what differs from the defaults. `maskwatch setup` asks for the most important
settings and writes the file; `maskwatch check` prints every setting in force and where it came from.

Later layers override earlier ones:

1. the defaults on this page, which `config/default.toml` lists, too
2. the differences of the environment (`--env`): see [Environments](#environments)
3. `/etc/maskwatch/config.toml`, the file of the service
4. `~/.config/maskwatch/config.toml`, the file of a user; root and the service do not read it
5. a file named with `--config FILE`
6. `--set section.key=value` on the command line, as often as needed

An unknown key, a value of the wrong type or a value out of range ends a command with exit code 78 and one sentence that
names the file and the key. Names of settings have their unit at the end: `_s` seconds, `_m` metres, `_px` pixels, `_hz`
per second, `_deg` degrees.
"""
_ENVIRONMENTS_HEAD = """\
## Environments

| Environment | Settings that differ from the defaults |
| --- | --- |
"""


def reasons() -> dict[str, str]:
    """Return the description of every setting by dotted key."""
    return {
        f"{section}.{key}": field.description or ""
        for section, (_, model) in _sections().items()
        for key, field in model.model_fields.items()
    }


def default_toml() -> str:
    """Return the text of config/default.toml: every setting with its default, below its description."""
    return "\n".join([_TOML_HEAD, *_toml_sections()])


def settings_page() -> str:
    """Return the text of docs/settings.md: a table for each section."""
    return "\n".join([_PAGE_HEAD, *_page_sections(), _ENVIRONMENTS_HEAD + "".join(_environments())])


def _sections() -> dict[str, tuple[str, type[Section]]]:
    """Return the description and the class of each section by its name."""
    defaults = Settings()
    models = {name: type(getattr(defaults, name)) for name in Settings.model_fields}
    return {name: (model.__doc__ or "", model) for name, model in models.items()}


def _toml_sections() -> Iterator[str]:
    described = reasons()
    values = Settings().model_dump(mode="json")
    for name, (description, _) in _sections().items():
        yield f"# {description}\n[{name}]\n"
        for key, value in values[name].items():
            comment = textwrap.fill(
                described[f"{name}.{key}"],
                _COLUMNS,
                initial_indent="# ",
                subsequent_indent="# ",
                break_on_hyphens=False,
            )
            yield f"{comment}\n{key} = {as_toml(value)}\n"


def _page_sections() -> Iterator[str]:
    for name, (description, model) in _sections().items():
        yield f"## {name}\n\n{description}\n"
        yield "| Setting | Default | Values | Description |\n| --- | --- | --- | --- |"
        for key, field in model.model_json_schema()["properties"].items():
            default = f"`{as_toml(field['default'])}`"
            yield f"| `{name}.{key}` | {default} | {_cell(_allowed(field))} | {_cell(field['description'])} |"
        yield ""


def _environments() -> Iterator[str]:
    """Yield a row for each environment."""
    for environment in Environment:
        loaded = load(environment, system_file=None)
        values = loaded.settings.model_dump(mode="json")
        differing = [key.split(".") for key, origin in loaded.origins.items() if origin == f"{environment}.toml"]
        cells = [f"`{section}.{key} = {as_toml(values[section][key])}`" for section, key in differing]
        yield f"| `{environment}` | {', '.join(cells)} |\n"


def _allowed(field: Schema) -> str:
    """Return in words which values a field of a JSON schema takes."""
    if "enum" in field:
        return ", ".join(f"`{as_toml(value)}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(_allowed(form) for form in field["anyOf"])
    kind = field["type"]
    if kind in ("integer", "number"):
        return _range(field, "whole number" if kind == "integer" else "number")
    if kind == "string" and "maxLength" in field:
        return f"text of up to {field['maxLength']} characters"
    return {"boolean": "`true`, `false`", "string": "text", "array": "list of texts", "object": "table of texts"}[kind]


def _range(field: Schema, kind: str) -> str:
    low = f"above {field['exclusiveMinimum']:g}" if "exclusiveMinimum" in field else f"from {field['minimum']:g}"
    return f"{kind} {low} to {field['maximum']}".removesuffix(".0")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
