"""Windows of OpenCV's HighGUI, whose Qt now and then loses one that it has just opened."""

from __future__ import annotations

import logging
import os
import time

import cv2

log = logging.getLogger(__name__)

_WAIT_MS = 30
_OPEN_S, _TRIES = 2.0, 5
_OPENED_PX = (400, 300)
"""Size of a new window. Source: OpenCV 4, modules/highgui/src/window_QT.cpp."""


def has_display() -> bool:
    """Return whether there is a display to open a window on."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_window(title: str) -> None:
    """Open a window of free size."""
    cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)


def open_full_screen(title: str) -> None:
    """Open a window over the whole screen, and once more where it does not come up.

    While a machine is busy, Qt 5 now and then loses all events of a new window, and never paints it: measured in up to
    one start of six. Such a window keeps the size that it was opened with.
    """
    for tries_left in reversed(range(_TRIES)):
        open_window(title)
        fill_screen(title, on=True)
        give_up_at = time.monotonic() + _OPEN_S
        while window_px(title) == _OPENED_PX and time.monotonic() < give_up_at:
            cv2.waitKey(_WAIT_MS)
        if window_px(title) != _OPENED_PX or not tries_left:
            return
        log.info("the window %s did not come up; it is opened again", title)
        cv2.destroyWindow(title)


def fill_screen(title: str, *, on: bool) -> None:
    """Let a window fill the screen, or no longer."""
    cv2.setWindowProperty(title, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN if on else cv2.WINDOW_NORMAL)


def is_open(title: str) -> bool:
    """Return whether a window is on the screen; one that was closed by its frame is not.

    Source: OpenCV to 4.12 returns -1 for a closed window, OpenCV 4.14 raises cv2.error.
    """
    try:
        return cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:
        return False


def window_px(title: str) -> tuple[int, int]:
    """Return width and height of a window; zeros once it is closed, where OpenCV 4.14 raises cv2.error."""
    try:
        _, _, width, height = cv2.getWindowImageRect(title)
    except cv2.error:
        return 0, 0
    return max(width, 0), max(height, 0)
