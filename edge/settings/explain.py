"""Explain what is wrong with the value of a setting, in one sentence with the allowed values and an example."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ALLOWED = {
    "string_type": "text in quotes",
    "string_unicode": "text in UTF-8 (rename a file whose name is not UTF-8)",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "list_type": "a list in square brackets",
    "tuple_type": "a list in square brackets",
    "dict_type": 'a table such as {{en = "…", de = "…"}}',
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "literal_error": "one of {expected}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} long",
    "too_long": "at most {max_length} long",
}
"""What a value must be, by pydantic's type of error. Source: pydantic, Validation Errors, with their contexts."""


def sentence(errors: Iterable[Mapping[str, Any]], key: str, shown: str, default: object) -> str:
    """Return "mqtt.port: must be a whole number, not 'x'; for example: mqtt.port = 1883".

    errors: pydantic's errors about the value, several if the setting has several forms.
    shown: the refused value, redacted.  default: serves as the example unless it is empty or a boolean.
    """
    found = list(errors)
    own = next((error["msg"] for error in found if error["type"] == "setting"), "")
    if own:
        return f"{key}: {own}; it is set to {shown}"
    allowed = " or ".join(dict.fromkeys(_allowed(error) for error in found))
    example = f"; for example: {key} = {as_toml(default)}" if default and default is not True else ""
    return f"{key}: must be {allowed}, not {shown}{example}"


def _allowed(error: Mapping[str, Any]) -> str:
    template = _ALLOWED.get(error["type"])
    if template is None:
        return str(error["msg"]).removeprefix("Input should be ")
    context = error.get("ctx", {})
    return template.format(**context).replace("'", '"')


def as_toml(value: object) -> str:
    """Return a value as a settings file has it; JSON writes text, numbers, booleans and lists of them alike."""
    return json.dumps(value, ensure_ascii=False)
