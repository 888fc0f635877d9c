"""The view for a terminal: a live status, and a line for each alert."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from edge.data import EventType, Mask, NoticeState

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from edge.data import Alert, Scene

_REFRESH_S = 0.5
_BANNER_STYLES = {NoticeState.ON: "bold white on red", NoticeState.THANKS: "bold white on blue"}
_STYLES = {
    Mask.WITH_MASK: "blue",
    Mask.WITHOUT_MASK: "bold red",
    Mask.INCORRECT_MASK: "yellow",
    Mask.UNSURE: "dim",
}


class TerminalView:
    """Sink that prints alerts, and a live status where the console is a terminal."""

    def __init__(self, console: Console, *, status: Callable[[], str]) -> None:
        """Print on `console`; `status` returns the status line: the state of the process, which no scene holds."""
        self._console = console
        self._status = status
        self._next_refresh_at = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        if self._live:
            self._live.start()

    def put(self, scene: Scene) -> None:
        """Print the alerts of a scene, and update the status twice per second."""
        for alert in scene.alerts:
            self._console.print(describe(alert), highlight=False)
        if self._live and time.monotonic() >= self._next_refresh_at:
            self._next_refresh_at = time.monotonic() + _REFRESH_S
            self._live.update(self._state(scene), refresh=True)

    def close(self) -> None:
        """Stop the live status."""
        if self._live:
            self._live.stop()

    def _state(self, scene: Scene) -> Group:
        counts = Counter(track.mask for track in scene.visible)
        counted = [Text(f"{mask.value} {counts[mask]}", _STYLES[mask] if counts[mask] else "dim") for mask in Mask]
        phrase = next((phrase.text for phrase in scene.notice.phrases), "")
        banner = Text(f"  {phrase}  ", _BANNER_STYLES[scene.notice.state]) if phrase else Text("")
        return Group(banner, Text("   ").join(counted), Text(self._status(), "dim"))


def describe(alert: Alert) -> str:
    """Return the line of an alert."""
    clock = time.strftime("%H:%M:%S")
    track = alert.track
    person = f"person {track.id}"
    if alert.event_type is EventType.START:
        return f"{clock} episode start   {person}: {alert.episode.value} ({track.confidence:.2f})"
    duration = f"after {alert.raised_at - alert.since:.1f} s"
    if alert.event_type is EventType.END:
        return f"{clock} episode end     {person}: {alert.reason.value if alert.reason else ''} {duration}"
    return f"{clock} episode update  {person}: now {track.mask.value} {duration}"
