"""The window: a process of its own that shows the newest scene, so that a display that crashes ends nothing else."""

from __future__ import annotations

import logging
import time
from enum import Enum, auto
from typing import TYPE_CHECKING

import cv2

from edge.show.child_process import ChildProcess
from edge.show.highgui import fill_screen, is_open, open_window, window_px
from edge.show.overlay import bar_px, preview
from edge.show.shared_scene import SceneEnded, SceneReader

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from edge.data import Image
    from edge.show.view import View

log = logging.getLogger(__name__)

_TITLE = "maskwatch"
_WAIT_S = 0.03
_LARGEST_PX = 1_920
"""On larger displays the image is enlarged: drawing in 4K would occupy a whole core of a Pi."""
_EMPTY_PX = (640, 400)


class Ended(Enum):
    """How a window ended: by `q`, closed by the user, or with the maskwatch that it showed."""

    QUIT = auto()
    CLOSED = auto()
    LOST = auto()


def show(path: Path, *, full_screen: bool = False) -> Ended:
    """Show the newest scene of the maskwatch at `path` until `q`, until the window is closed, or until it ends."""
    reader = SceneReader(path)
    open_window(_TITLE)
    fill_screen(_TITLE, on=full_screen)
    try:
        return _follow(reader, full_screen=full_screen)
    except SceneEnded:
        return Ended.LOST
    finally:
        reader.close()
        cv2.destroyAllWindows()


def _follow(reader: SceneReader, *, full_screen: bool) -> Ended:
    banner = ""
    opened = False
    while True:
        scene = reader.newest(_WAIT_S)
        if scene is not None:
            _draw_scene(*scene, resize=not opened)
            opened = True
        key = cv2.waitKey(1) & 0xFF
        if scene is not None:
            banner = _log_delay(banner, scene[1])
        if key == ord("q"):
            return Ended.QUIT
        if opened and not is_open(_TITLE):
            return Ended.CLOSED
        if key == ord("f"):
            full_screen = not full_screen
            fill_screen(_TITLE, on=full_screen)


def _draw_scene(image: Image | None, view: View, *, resize: bool) -> None:
    if resize and image is not None:
        cv2.resizeWindow(_TITLE, image.shape[1], image.shape[0] + bar_px(image.shape[0]))
    cv2.imshow(_TITLE, preview(image, view, _canvas_px()))


def _canvas_px() -> tuple[int, int]:
    """Return the size to draw for the current window, so that text has the same size on every display."""
    width, height = window_px(_TITLE)
    if not (width and height):
        return _EMPTY_PX
    scale = min(1.0, _LARGEST_PX / max(width, height))
    return round(scale * width), round(scale * height)


def _log_delay(before: str, view: View) -> str:
    """Log once per banner how long it took from the decision to the screen; return the banner."""
    if view.banner and not before:
        log.info("notice on screen %.0f ms after its decision", 1e3 * (time.monotonic() - view.decided_at))
    return view.banner


def window_process(path: Path, stop: threading.Event) -> ChildProcess:
    """Keep `maskwatch view` running on the scene at `path`.

    `q` sets `stop`. A window that the user closes stays closed, and the service continues.
    """
    return ChildProcess("window", ["view", "--socket", str(path), "--with-watch"], on_quit=stop.set)
