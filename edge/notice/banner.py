"""The banner on every screen that shows the scene, and the terminal's bell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


class Banner:
    """Announcer that holds the text which screens show, empty while there is nothing to tell."""

    def __init__(self) -> None:
        """Start with nothing to tell."""
        self.text = ""

    def announce(self, phrase: str) -> None:
        """Show the phrase."""
        self.text = phrase

    def clear(self) -> None:
        """Show nothing."""
        self.text = ""


class Bell:
    """Announcer that rings the terminal's bell, not more often than every `repeat_s`."""

    def __init__(self, terminal: TextIO, *, repeat_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Ring on `terminal`."""
        self._terminal, self._repeat_s, self._monotonic = terminal, repeat_s, monotonic
        self._quiet_until = float("-inf")

    def announce(self, phrase: str) -> None:  # noqa: ARG002 - a bell has no words
        """Ring once."""
        now = self._monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + self._repeat_s
            self._terminal.write("\a")
            self._terminal.flush()

    def clear(self) -> None:
        """Do nothing: a bell does not last."""
