"""Notices to the people nearby: the contract that every way of giving one keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from edge.data import Notice


class Announcer(Protocol):
    """One way to tell the people nearby; neither call may block or raise."""

    def announce(self, notice: Notice) -> None:
        """Begin to tell everybody nearby, or tell them again."""
        ...

    def clear(self) -> None:
        """Stop telling."""
        ...
