"""Files that the commands write: whole or not at all, and with one sentence where they cannot be."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import cv2

from edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from edge.data import Image


@contextmanager
def whole_file(path: Path | None) -> Iterator[TextIO | None]:
    """Open a text file that appears under its name only when all is written; - is standard output.

    Raises:
        ConfigError: it cannot be written.
    """
    if path is None or str(path) == "-":
        yield sys.stdout if path else None
        return
    part = path.with_name(f".{path.name}.part")
    try:
        file = part.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def save_picture(path: Path, image: Image) -> None:
    """Write a picture in the format that the name says.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        written = cv2.imwrite(str(path), image)
    except cv2.error as error:  # a name that says no format
        raise ConfigError(f"{path}: cannot be written: name it .png or .jpg") from error
    if not written:
        raise ConfigError(f"{path}: cannot be written")


def to_json(figures: dict[str, Any]) -> str:
    """Return figures as JSON for a person and for `jq`."""
    return json.dumps(figures, indent=1, ensure_ascii=False) + "\n"


def to_lines(rows: Iterable[dict[str, Any]]) -> str:
    """Return one JSON line a row."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
