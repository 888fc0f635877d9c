"""What differs between two sets of settings: for a person to read, and as the settings file that takes it over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.settings import edit
from edge.settings.explain import as_toml
from edge.settings.redact import redacted_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.settings.load import Loaded

_HEAD = """\
# What differs from {here} (here) in {there} (there).
# Move what is to be the same here into a settings file; maskwatch check --config FILE tries it.
"""
_WIDEST = 60
"""Columns after which a long value no longer aligns all others."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting with two values, each with the layer that set it.

    here, there: redacted.  value: the one there as it is; None: it holds a secret.
    """

    key: str
    here: object
    here_from: str
    there: object
    there_from: str
    value: Any = None


def differences(here: Loaded, there: Loaded) -> list[Difference]:
    """Return the settings whose values differ, in the order of the sections."""
    return list(_differences(here, there))


def _differences(here: Loaded, there: Loaded) -> Iterator[Difference]:
    ours, theirs = here.settings.model_dump(mode="json"), there.settings.model_dump(mode="json")
    ours_shown, theirs_shown = redacted_settings(here.settings), redacted_settings(there.settings)
    for section, content in ours.items():
        for name, value in content.items():
            key, other, shown = f"{section}.{name}", theirs[section][name], theirs_shown[section][name]
            if value != other:
                yield Difference(
                    key,
                    ours_shown[section][name],
                    here.origins[key],
                    shown,
                    there.origins[key],
                    value=other if shown == other else None,
                )


def as_diff(found: list[Difference], here: str, there: str) -> str:
    """Return both values of each setting below each other, with the layer behind each; here, there: the two sides."""
    if not found:
        return f"no setting differs between {here} and {there}\n"
    pairs = [
        (f"-{one.key} = {as_toml(one.here)}", one.here_from, f"+{one.key} = {as_toml(one.there)}", one.there_from)
        for one in found
    ]
    width = min(max(len(line) for pair in pairs for line in pair[::2]), _WIDEST)
    lines = [f"{line:<{width}}  # {origin}" for pair in pairs for line, origin in (pair[:2], pair[2:])]
    return "\n".join([f"--- {here}", f"+++ {there}", *lines, ""])


def settings_file(found: list[Difference], here: str, there: str) -> str:
    """Return a settings file with the values there, each with the value here as its comment."""
    hidden = [f"# {one.key}: its value there holds a secret; set it by hand\n" for one in found if _is_secret(one)]
    values = {one.key: one.value for one in found if not _is_secret(one)}
    comments = {one.key: f"here: {as_toml(one.here)}, from {one.here_from}" for one in found}
    head = _HEAD.format(here=here, there=there)
    return edit.changed(head + "".join(hidden), values, comments, there)


def _is_secret(one: Difference) -> bool:
    return one.value is None
