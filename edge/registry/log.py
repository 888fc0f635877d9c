"""The log of a store: what was installed, promoted and rolled back, when and by whom, the newest last."""

from __future__ import annotations

import json
import os
import pwd
from contextlib import suppress
from typing import TYPE_CHECKING

from edge.clock import Clock, utc
from edge.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "log.jsonl"
_MOST_LINES = 1_000


def write(store: Path, what: str, version: str, **more: str) -> None:
    """Add an entry, on the disk before this returns; the caller holds the store's lock.

    Raises:
        OSError: it cannot be written.
    """
    entry = {"t": utc(Clock().wall()), "what": what, "version": version, "who": _who(), **more}
    lines = [*map(json.dumps, read(store)[1 - _MOST_LINES :]), json.dumps(entry)]
    with replacing(store / _NAME, durable=True) as draft:
        draft.write_text("\n".join([*lines, ""]), "utf-8")


def read(store: Path) -> list[dict[str, str]]:
    """Return the entries, the oldest first; none where there is no log, or none that can be read."""
    entries: list[dict[str, str]] = []
    with suppress(OSError, ValueError):
        for line in (store / _NAME).read_text("utf-8").splitlines():
            with suppress(ValueError):
                entries.append(json.loads(line))
    return [entry for entry in entries if isinstance(entry, dict)]


def _who() -> str:
    """Return who runs this command, also behind sudo."""
    with suppress(KeyError):
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    return str(os.getuid())
