"""The window: a process of its own on the newest scene, so that a display that dies takes nothing else along."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

import cv2

from edge.errors import CameraLost
from edge.show.child import ChildProcess
from edge.show.overlay import draw
from edge.show.slot import SceneReader

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from edge.show.view import View

log = logging.getLogger(__name__)

_TITLE = "maskwatch"
_WAIT_S = 0.03


def has_display() -> bool:
    """Return whether there is a display to open a window on."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show(path: Path, *, full_screen: bool = False) -> None:
    """Show the newest scene of the maskwatch at `path` until `q`, the closing of the window, or its end."""
    reader = SceneReader(path)
    cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    _set_full_screen(on=full_screen)
    banner, opened = "", False
    try:
        while True:
            scene = reader.newest(_WAIT_S)
            if scene is not None:
                image, view = scene
                drawn = draw(image, view)
                cv2.imshow(_TITLE, drawn)
                if not opened and image is not None:
                    cv2.resizeWindow(_TITLE, drawn.shape[1], drawn.shape[0])
                opened = True
            key = cv2.waitKey(1) & 0xFF
            if scene is not None:
                banner = _tell_delay(banner, scene[1])
            if key == ord("q") or (opened and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1):
                return
            if key == ord("f"):
                full_screen = not full_screen
                _set_full_screen(on=full_screen)
    except CameraLost:
        return
    finally:
        reader.close()
        cv2.destroyAllWindows()


def _set_full_screen(*, on: bool) -> None:
    cv2.setWindowProperty(_TITLE, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN if on else cv2.WINDOW_NORMAL)


def _tell_delay(before: str, view: View) -> str:
    """Log once a banner how long it took from the decision to the screen."""
    if view.banner and not before:
        log.info("notice on screen %.0f ms after its decision", 1e3 * (time.monotonic() - view.decided_at))
    return view.banner


def window_process(path: Path, stop: threading.Event) -> ChildProcess:
    """Return the keeper of `maskwatch view` on the scene at `path`; it sets `stop` when the user closes the window."""
    return ChildProcess("window", ["view", "--socket", str(path)], on_closed=stop.set)
