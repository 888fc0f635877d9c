"""The installed versions of a store in rows, for a table and for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.errors import ModelError
from edge.registry import BUILT_IN, log
from edge.tflite import read_spec

if TYPE_CHECKING:
    from edge.registry.aliases import Aliases
    from edge.registry.store import Store


def rows(store: Store) -> list[dict[str, Any]]:
    """Return a row for each version, and one for the built-in models where they are in force.

    Raises:
        ModelError: the aliases are damaged.
    """
    aliases = store.aliases()
    last = {entry.get("version", ""): entry for entry in log.read(store.folder)}
    found = [_row(store, sha256, aliases, last.get(sha256, {})) for sha256 in store.installed()]
    if not aliases.champion:
        found.append(_built_in("champion"))
    return found


def _row(store: Store, sha256: str, aliases: Aliases, last: dict[str, str]) -> dict[str, Any]:
    names = [
        f"{name} (on trial)" if name == "champion" and aliases.trial else name for name in aliases.names_of(sha256)
    ]
    row = {"version": sha256, "alias": ", ".join(names), "model": "", "key": "", "sequence": "", "expires": ""}
    row |= {"last": _entry(last), "problem": ""}
    try:
        version = store.version(sha256)
        mask = read_spec(version.folder / "mask")
    except (ModelError, OSError) as error:
        return row | {"problem": str(error)}
    row |= {"model": f"{mask.name} {mask.version}", "key": version.key or "unsigned"}
    return row | {"sequence": version.sequence or "", "expires": str(version.expires or "")}


def _entry(entry: dict[str, str]) -> str:
    """Return the last change in words: what, when, by whom, and the reason of a promotion by force."""
    force = f", by force: {entry['force']}" if "force" in entry else ""
    return f"{entry['what']} {entry['t'][:16]}Z by {entry['who']}{force}" if entry else ""


def _built_in(alias: str) -> dict[str, Any]:
    empty = dict.fromkeys(("model", "key", "sequence", "expires", "last", "problem"), "")
    return {"version": BUILT_IN, "alias": alias, **empty}
