"""Where frames come from: the contracts that every source and every camera keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.data import Frame, Image


class Source(Protocol):
    """Gives frames to the walk, in order."""

    def __iter__(self) -> Iterator[Frame | None]:
        """Yield frames; None where a live camera gave nothing in time and is being tried again."""
        ...

    def close(self) -> None:
        """Release the camera or file; safe to call twice."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a camera hands out: uint8 (H, W, 3) BGR, and the same scene at detector size where the camera has it."""

    image: Image
    small: Image | None = None


class Camera(Protocol):
    """An opened live camera; its calls may block, so only a capture thread makes them."""

    def read(self) -> Picture | None:
        """Return the next picture, or None for one that is damaged.

        Raises:
            CameraError: the camera has gone or its stream has ended.
        """
        ...

    def close(self) -> None:
        """Release the camera; safe to call twice."""
        ...
