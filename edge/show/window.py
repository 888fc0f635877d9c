"""The window: a process of its own on the newest scene, so that a display that dies takes nothing else along."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import cv2

from edge.errors import CameraLost
from edge.show.overlay import draw
from edge.show.slot import SceneReader

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from edge.data import Scene
    from edge.show.view import View

log = logging.getLogger(__name__)

_TITLE = "maskwatch"
_WAIT_S = 0.03
_FIRST_RESTART_S, _LAST_RESTART_S = 5.0, 120.0
_STOP_S = 2.0


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


class WindowProcess:
    """Sink that keeps `maskwatch view` running beside the watch; sets `stop` when the user closes the window."""

    def __init__(self, path: Path, stop: threading.Event, *, arguments: Sequence[str] = ()) -> None:
        """Start the window on the scene at `path`."""
        self._command = [sys.executable, "-m", "edge", "view", "--socket", str(path), *arguments]
        self._stop = stop
        self._pause_s = _FIRST_RESTART_S
        self._start_at = 0.0
        self._process: subprocess.Popen[bytes] | None = self._start()

    def put(self, scene: Scene) -> None:  # noqa: ARG002 - only the passing of time matters
        """Look after the process: start it again, each time after a longer pause, if it died."""
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self._process = self._start()
            return
        code = self._process.poll()
        if code == 0:
            self._stop.set()
        elif code is not None:
            self._process = None
            self._wait(f"ended ({code})")

    def _start(self) -> subprocess.Popen[bytes] | None:
        try:
            return subprocess.Popen(self._command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own program
        except OSError as error:  # no descriptor, no memory, no process is left
            self._wait(f"cannot be opened: {error.strerror}")
            return None

    def _wait(self, reason: str) -> None:
        """Say why there is no window, and when the next is tried, each time later."""
        log.warning("the window %s; the watch goes on, next try in %.0f s", reason, self._pause_s)
        self._start_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LAST_RESTART_S)

    def close(self) -> None:
        """End the window."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_S)
