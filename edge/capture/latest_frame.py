"""Hand-over of frames from the capture thread to the main loop: only the newest is kept."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.data import Frame


class LatestFrame:
    """Holds at most one frame; a frame that is replaced before it was taken counts as `dropped`."""

    def __init__(self) -> None:
        """Start empty."""
        self._frame: Frame | None = None
        self._filled = threading.Condition()
        self.dropped = 0

    def put(self, frame: Frame) -> None:
        """Replace the frame that is held."""
        with self._filled:
            self.dropped += self._frame is not None
            self._frame = frame
            self._filled.notify()

    def take(self, timeout_s: float) -> Frame | None:
        """Return the newest frame and hold none; None after `timeout_s` without a frame."""
        with self._filled:
            self._filled.wait_for(lambda: self._frame is not None, timeout_s)
            frame, self._frame = self._frame, None
            return frame
