"""The notice handed on to other signs, by whatever carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.data import Notice, NoticeState

if TYPE_CHECKING:
    from collections.abc import Callable

_OFF = Notice(NoticeState.OFF, ())


class Relay:
    """Announcer that hands on each change, and no repetition."""

    def __init__(self, send: Callable[[Notice], None]) -> None:
        """Hand on by `send`, which returns at once."""
        self._send, self._state = send, NoticeState.OFF

    def announce(self, notice: Notice) -> None:
        """Hand on what is new."""
        if notice.state is not self._state:
            self._state = notice.state
            self._send(notice)

    def clear(self) -> None:
        """Hand on that there is nothing to tell."""
        self.announce(_OFF)
