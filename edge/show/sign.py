"""The sign: a process of its own that fills a display at the stop with the notice to everybody nearby."""

from __future__ import annotations

import logging
import time
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import cv2

from edge.errors import NotRunning, Unavailable
from edge.show.child_process import ChildProcess
from edge.show.highgui import is_open, open_full_screen, window_px
from edge.show.shared_scene import SceneEnded, SceneReader
from edge.show.sign_layout import SignState, draw_sign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.show.view import View

log = logging.getLogger(__name__)

_TITLE = "maskwatch sign"
_WAIT_S = 0.03
_STALE_S = 10.0
"""After this long without a scene the service hangs, and its last notice is no longer shown."""
_RETRY_S = 2.0
_TURN_S = 4.0
"""How long each pair of languages is shown, where there are more than two."""
_ESCAPE = 27
_EMPTY_PX = (1280, 720)


@dataclass(frozen=True, slots=True)
class SignTexts:
    """The texts of a sign; those of the notice and of the thanks are drawn in advance."""

    idle: str
    please: str
    thanks: str


def sign_process(path: Path, texts: SignTexts, night: str, report: Callable[[str], None]) -> ChildProcess:
    """Keep `maskwatch sign` running on the scene at `path`.

    night: hours with dark paper, "21:00-06:00", or "".  report: called with the reason why there is no sign.
    """
    command = ["sign", "--socket", str(path), "--texts", *astuple(texts), "--night", night]
    return ChildProcess("sign", command, report=report)


def show_sign(path: Path, texts: SignTexts, *, stay: bool, is_night: Callable[[], bool] = lambda: False) -> None:
    """Fill the screen with the newest notice of the maskwatch at `path`, or the idle text while there is none.

    stay: wait for a maskwatch that is not running, instead of ending with it.  is_night: whether paper is dark now.

    Raises:
        NotRunning: no maskwatch is running there, and `stay` is not set.
        Unavailable: this user may not connect, or there are too many viewers, and `stay` is not set.
    """
    sign = _Sign(texts, is_night)
    logged = ""
    try:
        while not sign.closed:
            try:
                _follow(sign, path)
            except (NotRunning, Unavailable) as error:
                if not stay:
                    raise
                if str(error) != logged:
                    logged = str(error)
                    log.info("sign: %s", logged)
            sign.idle(_RETRY_S)
    except SceneEnded:
        return
    finally:
        cv2.destroyAllWindows()


def _follow(sign: _Sign, path: Path) -> None:
    reader = SceneReader(path)
    try:
        while not sign.closed:
            scene = reader.newest(_WAIT_S)
            sign.show(None if scene is None else scene[1])
    finally:
        reader.close()


class _Sign:
    """The window, and what it shows now."""

    def __init__(self, texts: SignTexts, is_night: Callable[[], bool]) -> None:
        open_full_screen(_TITLE)
        self._texts = texts
        self._is_night = is_night
        self._drawn = (SignState.IDLE, "", (0, 0), False)
        self._state = SignState.IDLE
        self._text = texts.idle
        self._changed_at = 0.0
        self._seen_at = 0.0
        self.closed = False
        self.show(None)

    def show(self, view: View | None) -> None:
        """Show the notice of a new view; return to the idle text when there has been no view for long."""
        now = time.monotonic()
        before = self._state
        if view is not None:
            self._seen_at = now
            self._set(*_state_of(view, self._texts.idle))
        elif now - self._seen_at > _STALE_S:
            self._set(SignState.IDLE, self._texts.idle)
        drew = self._draw(now)
        self._handle_events()
        if view is not None and drew and self._state is SignState.NOTICE is not before:
            log.info("notice on the sign %.0f ms after its decision", 1e3 * (time.monotonic() - view.decided_at))

    def idle(self, duration_s: float) -> None:
        """Show the idle text for a while."""
        self._set(SignState.IDLE, self._texts.idle)
        end_at = time.monotonic() + duration_s
        while time.monotonic() < end_at and not self.closed:
            self._draw(time.monotonic())
            self._handle_events(round(1e3 * _WAIT_S))

    def _set(self, state: SignState, text: str) -> None:
        if (state, text) != (self._state, self._text):
            self._state = state
            self._text = text
            self._changed_at = time.monotonic()

    def _draw(self, now: float) -> bool:
        """Update the screen if anything has changed; return whether it has."""
        width, height = window_px(_TITLE)
        size_px = (width, height) if width > 0 and height > 0 else _EMPTY_PX
        text, night = _languages_at(self._text, now - self._changed_at), self._is_night()
        wanted = self._state, text, size_px, night
        if wanted == self._drawn:
            return False
        is_cache_stale = wanted[2:] != self._drawn[2:]
        self._drawn = wanted
        cv2.imshow(_TITLE, draw_sign(self._state, text, size_px, night=night))
        if is_cache_stale:
            self._draw_in_advance(size_px, night=night)
        return True

    def _draw_in_advance(self, size_px: tuple[int, int], *, night: bool) -> None:
        """Cache the notice and the thanks: on a Pi, drawing takes most of the time that a notice may take."""
        self._handle_events()
        for state, text in ((SignState.NOTICE, self._texts.please), (SignState.THANKS, self._texts.thanks)):
            draw_sign(state, _languages_at(text, 0.0), size_px, night=night)

    def _handle_events(self, wait_ms: int = 1) -> None:
        """Let the window handle its events, and check whether the user closed it, or pressed q or Escape."""
        key = cv2.waitKey(wait_ms) & 0xFF
        self.closed = key in (ord("q"), _ESCAPE) or not is_open(_TITLE)


def _state_of(view: View, idle: str) -> tuple[SignState, str]:
    if not view.banner:
        return SignState.IDLE, idle
    return (SignState.THANKS if view.thanks else SignState.NOTICE), view.banner


def _languages_at(text: str, shown_s: float) -> str:
    """Return the two languages to show at a time, so that the letters stay large; the first two come first."""
    lines = text.splitlines()
    pairs = [lines[k : k + 2] for k in range(0, len(lines), 2)] or [[""]]
    return "\n".join(pairs[int(shown_s / _TURN_S) % len(pairs)])
