"""Where frames come from: the contracts that every source and every camera keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.data import Frame, Gap, Image


class Source(Protocol):
    """Gives frames to the walk, in order."""

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield frames, and a Gap where none came in time."""
        ...

    def close(self) -> None:
        """Release the camera or file; safe to call twice."""
        ...


class CameraState(StrEnum):
    """How a camera or a file fares; the value is the name on the wire."""

    OPENING = "opening"
    OK = "ok"
    OFFLINE = "offline"
    SILENT = "silent"
    FROZEN = "frozen"


class WatchedSource(Source, Protocol):
    """A source that is read on a thread of its own, and can say how it fares, and in a few words why."""

    state: CameraState
    detail: str

    @property
    def counts(self) -> dict[str, int]:
        """What was lost or mended so far, by name."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CameraImage:
    """What a camera hands out: uint8 (H, W, 3) BGR, and the same scene at detector size where the camera has it."""

    image: Image
    small: Image | None = None


class Camera(Protocol):
    """An opened live camera; its calls may block, so only a capture thread makes them."""

    def read(self) -> CameraImage | None:
        """Return the next picture, or None for one that is damaged.

        Raises:
            CameraError: the camera has gone or its stream has ended.
        """
        ...

    def close(self) -> None:
        """Release the camera; safe to call twice."""
        ...
