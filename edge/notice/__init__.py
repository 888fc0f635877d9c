"""People nearby are told: when to speak is decided here, how is up to the announcers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from edge.notice.switch import NoticeSwitch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Scene


class Announcer(Protocol):
    """One way to tell the people nearby; neither call may block."""

    def announce(self, phrase: str) -> None:
        """Begin to tell everybody nearby; never anybody alone."""
        ...

    def clear(self) -> None:
        """Stop telling."""
        ...


class Notifier:
    """Sink that announces while somebody is without a mask; comes first, and waits for no disk and no network."""

    def __init__(
        self, phrase: str, announcers: Sequence[Announcer], *, hold_s: float, switch: NoticeSwitch | None = None
    ) -> None:
        """Hold each notice for at least `hold_s`, so that it can be read; none begins while the switch is off."""
        self._phrase, self._announcers, self._hold_s = phrase, announcers, hold_s
        self._switch = switch or NoticeSwitch()
        self._since: float | None = None

    def put(self, scene: Scene) -> None:
        """Announce when the first episode opens, clear when the last one closes."""
        now, wanted = scene.decided_at, scene.unmasked and self._switch.on
        if wanted and self._since is None:
            self._since = now
            for announcer in self._announcers:
                announcer.announce(self._phrase)
        elif not wanted and self._since is not None and now - self._since >= self._hold_s:
            self._since = None
            for announcer in self._announcers:
                announcer.clear()
