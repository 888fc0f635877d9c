"""People nearby are told: what is told, and the contract that every way of telling keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class State(Enum):
    """What the people nearby are told now; the value is the name on the wire."""

    OFF = "off"
    ON = "on"
    THANKS = "thanks"


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence in one language, "en" or "pt-br"; it speaks to everybody nearby, never to anybody alone."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told; `volume` is 0 where it must not be heard, 1 at the loudest."""

    state: State
    phrases: tuple[Phrase, ...]
    volume: float = 0.0


class Announcer(Protocol):
    """One way to tell the people nearby; neither call may block or raise."""

    def announce(self, notice: Notice) -> None:
        """Begin to tell everybody nearby, or tell them again."""
        ...

    def clear(self) -> None:
        """Stop telling."""
        ...
