"""Record and check that a result is up to date: a JSON file next to it has the hashes of its inputs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def stamp(result: Path, inputs: list[Path], *settings: object) -> None:
    """Write RESULT.inputs.json: the hash of every input file, and the settings."""
    stamp_file(result).write_text(json.dumps(_hashes(inputs, settings), indent=1) + "\n", "utf-8")


def fresh(result: Path, inputs: list[Path], *settings: object) -> bool:
    """Return whether `result` exists and was made from these inputs and settings."""
    try:
        recorded = json.loads(stamp_file(result).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return bool(result.exists() and recorded == _hashes(inputs, settings))


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def stamp_file(result: Path) -> Path:
    """Return the file that records the inputs of a result."""
    return result.with_name(result.name + ".inputs.json")


def _hashes(inputs: list[Path], settings: tuple[object, ...]) -> dict[str, str]:
    return {f"{path.parent.name}/{path.name}": sha256(path) for path in inputs} | {"settings": repr(settings)}
