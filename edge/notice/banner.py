"""The banner on every screen that shows the scene, and the terminal's bell."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from edge.data import NoticeState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Notice, Phrase


def lines_of(phrases: Sequence[Phrase]) -> str:
    """Return phrases as a text with one line a language."""
    return "\n".join(phrase.text for phrase in phrases)


class Banner:
    """Announcer that holds what screens show: `text`, one line a language, empty while there is nothing to tell."""

    def __init__(self) -> None:
        """Start with nothing to tell."""
        self.text, self.thanks = "", False

    def announce(self, notice: Notice) -> None:
        """Show the phrases."""
        self.text = lines_of(notice.phrases)
        self.thanks = notice.state is NoticeState.THANKS

    def clear(self) -> None:
        """Show nothing."""
        self.text, self.thanks = "", False


class Bell:
    """Announcer that rings the terminal's bell whenever a notice may be heard."""

    def __init__(self, terminal: TextIO) -> None:
        """Ring on `terminal`."""
        self._terminal = terminal

    def announce(self, notice: Notice) -> None:
        """Ring once."""
        if notice.state is NoticeState.ON and notice.volume > 0:
            self._terminal.write("\a")
            self._terminal.flush()

    def clear(self) -> None:
        """Do nothing: a bell does not last."""
