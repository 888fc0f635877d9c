"""Windows of OpenCV's HighGUI, opened again where Qt fails to show a new one."""

from __future__ import annotations

import logging
import os
import time

import cv2

log = logging.getLogger(__name__)

_WAIT_MS = 30
_OPEN_S = 2.0
_TRIES = 5
_OPENED_PX = (400, 300)
"""Size of a new window. Source: OpenCV 4, modules/highgui/src/window_QT.cpp."""


def has_display() -> bool:
    """Return whether there is a display to open a window on."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_window(title: str) -> None:
    """Open a window that can be resized."""
    cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)


def open_full_screen(title: str) -> None:
    """Open a window that fills the screen, and open it again where it does not appear.

    On a busy machine Qt 5 sometimes loses all events of a new window and never paints it: measured in up to one of six
    starts. Such a window keeps the size that it was opened with.
    """
    for tries_left in reversed(range(_TRIES)):
        open_window(title)
        fill_screen(title, on=True)
        give_up_at = time.monotonic() + _OPEN_S
        while window_px(title) == _OPENED_PX and time.monotonic() < give_up_at:
            cv2.waitKey(_WAIT_MS)
        if window_px(title) != _OPENED_PX or not tries_left:
            return
        log.info("the window %s did not appear; it is opened again", title)
        cv2.destroyWindow(title)


def fill_screen(title: str, *, on: bool) -> None:
    """Let a window fill the screen, or return it to its size."""
    cv2.setWindowProperty(title, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN if on else cv2.WINDOW_NORMAL)


def is_open(title: str) -> bool:
    """Return whether a window is open; one that the user has closed is not.

    Source: OpenCV to 4.12 returns -1 for a closed window, OpenCV 4.14 raises cv2.error.
    """
    try:
        return cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:
        return False


def window_px(title: str) -> tuple[int, int]:
    """Return the width and height of a window, zeros after it was closed: OpenCV 4.14 then raises cv2.error."""
    try:
        _, _, width, height = cv2.getWindowImageRect(title)
    except cv2.error:
        return 0, 0
    return max(width, 0), max(height, 0)
