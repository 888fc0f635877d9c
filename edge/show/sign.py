"""The sign: a process of its own that fills a display at the stop with what everybody nearby is told."""

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
from edge.show.sign_layout import SignState, poster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.show.view import View

log = logging.getLogger(__name__)

_TITLE = "maskwatch sign"
_WAIT_S = 0.03
_SILENT_S = 10.0
"""Without a scene for this long the watch hangs: what it said last is said no more."""
_AGAIN_S = 2.0
_TURN_S = 4.0
"""How long each pair of languages shows, where there are more than two."""
_ESCAPE = 27
_EMPTY_PX = (1280, 720)


@dataclass(frozen=True, slots=True)
class SignTexts:
    """What a sign says while there is nothing to tell, and what it will be told to say: drawn ahead of time."""

    idle: str
    please: str
    thanks: str


def sign_process(path: Path, texts: SignTexts, night: str, tell: Callable[[str], None]) -> ChildProcess:
    """Return the keeper of `maskwatch sign` on the scene at `path`; `tell` is called with why there is no sign.

    night: hours of dark paper, "21:00-06:00", or "".
    """
    command = ["sign", "--socket", str(path), "--texts", *astuple(texts), "--night", night]
    return ChildProcess("sign", command, tell=tell)


def show_sign(path: Path, texts: SignTexts, *, stay: bool, is_night: Callable[[], bool] = lambda: False) -> None:
    """Fill the screen with the newest notice of the maskwatch at `path`, with the idle words while there is none.

    stay: wait for a maskwatch that is not there or has ended, else end with it.  is_night: whether paper is dark now.

    Raises:
        NotRunning: no maskwatch is there, and the sign does not stay.
        Unavailable: this user may not connect, or there is no room, and the sign does not stay.
    """
    sign, told = _Sign(texts, is_night), ""
    try:
        while not sign.closed:
            try:
                _follow(sign, path)
            except (NotRunning, Unavailable) as error:
                if not stay:
                    raise
                if str(error) != told:
                    told = str(error)
                    log.info("sign: %s", told)
            sign.rest(_AGAIN_S)
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
    """The window and what it says now."""

    def __init__(self, texts: SignTexts, is_night: Callable[[], bool]) -> None:
        open_full_screen(_TITLE)
        self._texts, self._is_night = texts, is_night
        self._drawn = (SignState.IDLE, "", (0, 0), False)
        self._says, self._text, self._said_at, self._seen_at = SignState.IDLE, texts.idle, 0.0, 0.0
        self.closed = False
        self.show(None)

    def show(self, view: View | None) -> None:
        """Say what a new view says; without one for long, say nothing but the idle words."""
        now = time.monotonic()
        if view is not None:
            before, self._seen_at = self._says, now
            self._say(*_said(view, self._texts.idle))
        elif now - self._seen_at > _SILENT_S:
            self._say(SignState.IDLE, self._texts.idle)
        drew = self._draw(now)
        self._look()
        if view is not None and drew and self._says is SignState.NOTICE is not before:
            log.info("notice on the sign %.0f ms after its decision", 1e3 * (time.monotonic() - view.decided_at))

    def rest(self, pause_s: float) -> None:
        """Say the idle words for a while."""
        self._say(SignState.IDLE, self._texts.idle)
        end_at = time.monotonic() + pause_s
        while time.monotonic() < end_at and not self.closed:
            self._draw(time.monotonic())
            self._look(round(1e3 * _WAIT_S))

    def _say(self, says: SignState, text: str) -> None:
        if (says, text) != (self._says, self._text):
            self._says, self._text, self._said_at = says, text, time.monotonic()

    def _draw(self, now: float) -> bool:
        """Draw what differs from what is on the screen."""
        width, height = window_px(_TITLE)
        size_px = (width, height) if width > 0 and height > 0 else _EMPTY_PX
        says, text, night = self._says, _turn(self._text, now - self._said_at), self._is_night()
        wanted = says, text, size_px, night
        if wanted == self._drawn:
            return False
        stale = wanted[2:] != self._drawn[2:]
        self._drawn = wanted
        cv2.imshow(_TITLE, poster(says, text, size_px, night=night))
        if stale:
            self._draw_ahead(size_px, night=night)
        return True

    def _draw_ahead(self, size_px: tuple[int, int], *, night: bool) -> None:
        """Have the notice and the thanks ready: on a Pi, drawing them would take most of the time there is."""
        self._look()
        for says, text in ((SignState.NOTICE, self._texts.please), (SignState.THANKS, self._texts.thanks)):
            poster(says, _turn(text, 0.0), size_px, night=night)

    def _look(self, wait_ms: int = 1) -> None:
        """Let the window live, and see whether somebody closed it by q, Escape or its frame."""
        key = cv2.waitKey(wait_ms) & 0xFF
        self.closed = key in (ord("q"), _ESCAPE) or not is_open(_TITLE)


def _said(view: View, idle: str) -> tuple[SignState, str]:
    if not view.banner:
        return SignState.IDLE, idle
    return (SignState.THANKS if view.thanks else SignState.NOTICE), view.banner


def _turn(text: str, shown_s: float) -> str:
    """Return two languages at a time, so that the letters stay large; the first two come first."""
    lines = text.splitlines()
    pairs = [lines[k : k + 2] for k in range(0, len(lines), 2)] or [[""]]
    return "\n".join(pairs[int(shown_s / _TURN_S) % len(pairs)])
