"""Rows drawn into copies of the images and videos that they describe."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from edge.batch.video_writer import VideoWriter
from edge.boxes import relative
from edge.data import Mask
from edge.show.view import Mark, View

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def drawn_video(path: Path | None, rate_hz: float) -> Iterator[VideoWriter | None]:
    """Yield the writer of a drawn video, which is finished even if the command ends early; None without a path."""
    if path is None:
        yield None
        return
    writer = VideoWriter(path, rate_hz)
    try:
        yield writer
    finally:
        writer.close()


def view_of(row: dict[str, Any]) -> View:
    """Return what is drawn of a row."""
    size_px = (row["width"], row["height"])
    return View(tuple(_mark(face, size_px) for face in row["faces"]))


def _mark(face: dict[str, Any], size_px: tuple[int, int]) -> Mark:
    label = Mask(face.get("track_label", face["label"]))
    return Mark(relative(tuple(face["box"]), size_px), label, face["confidence"], face.get("track_id"))
