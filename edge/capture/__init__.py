"""Where frames come from: the contracts of sources and cameras."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.data import Frame, Gap, Image

log = logging.getLogger(__name__)


class Source(Protocol):
    """Provides frames in order."""

    def __iter__(self) -> Iterator[Frame | Gap]:
        """Yield frames, and a Gap whenever none arrived in time."""
        ...

    def close(self) -> None:
        """Release the camera or file; safe to call twice."""
        ...


class CameraState(StrEnum):
    """State of a camera or of files; the value is the name on the wire."""

    OPENING = "opening"
    OK = "ok"
    OFFLINE = "offline"
    SILENT = "silent"
    FROZEN = "frozen"


class WatchedSource(Source, Protocol):
    """A source that is read on its own thread, with its state and the reason for it."""

    name: str
    state: CameraState
    detail: str

    @property
    def counts(self) -> dict[str, int]:
        """Number of losses and recoveries so far, by name."""
        ...


def set_state(source: WatchedSource, state: CameraState, detail: str = "") -> None:
    """Set the state of a source; each change is logged once."""
    if state is source.state:
        return
    source.state = state
    source.detail = detail
    level = logging.INFO if state is CameraState.OK else logging.WARNING
    log.log(level, "camera %s: %s%s", source.name, state.value, f": {detail}" if detail else "")


@dataclass(frozen=True, slots=True, eq=False)
class CameraImage:
    """One image of a camera: uint8 (H, W, 3) BGR, and the same image at detector size if the camera provides it.

    age_s: time since the exposure began; None where the camera reports none.
    """

    image: Image
    small: Image | None = None
    age_s: float | None = None


class Camera(Protocol):
    """An opened live camera; its calls may block, so only a capture thread makes them."""

    def read(self) -> CameraImage | None:
        """Return the next image, or None for a damaged one.

        Raises:
            CameraError: the camera has gone or its stream has ended.
        """
        ...

    def close(self) -> None:
        """Release the camera; safe to call twice."""
        ...
