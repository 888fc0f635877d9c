"""What the broker does not take from us, by topic, and why."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

_NAMED = 3
"""Topics that a problem names; the others are counted."""


class Refusals:
    """What is refused now; outlives a connection, so that a reconnect does not make it look well for a moment."""

    def __init__(self) -> None:
        """Start with nothing refused."""
        self._denied: dict[str, str] = {}
        self._left_out: dict[str, str] = {}
        self._fresh: set[str] = set()
        self._logged: set[tuple[str, str]] = set()

    @property
    def state(self) -> str:
        """How a connection on which something is denied is called; empty where nothing is."""
        return next((f"denied: {what}: {why}" for what, why in self._denied.items()), "")

    @property
    def text(self) -> str:
        """All that does not get through, as a problem says it; empty where all does."""
        every = self._denied | self._left_out
        named = [f"{what}: {why}" for what, why in list(every.items())[:_NAMED]]
        more = f"; and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
        return "not taken: " + "; ".join(named) + more if every else ""

    def denied(self, what: str) -> bool:
        """Return whether the broker denies a topic or a subscription."""
        return what in self._denied

    def deny(self, what: str, why: str) -> None:
        """Note what the broker does not take of what it should."""
        self._fresh.add(what)
        self._denied[what] = why

    def leave_out(self, what: str, why: str) -> None:
        """Note what is not sent, though all that matters most is; named in the log once."""
        self._fresh.add(what)
        self._left_out[what] = why
        if (what, why) not in self._logged:
            self._logged.add((what, why))
            log.warning("mqtt: not sent: %s: %s", what, why)

    def accept(self, what: str) -> bool:
        """Note what the broker takes; return whether it was denied before on this connection."""
        self._left_out.pop(what, None)
        return self._denied.pop(what, None) is not None and what in self._fresh

    def begin(self) -> None:
        """Begin a connection: what is known is old."""
        self._fresh.clear()

    def settle(self) -> None:
        """Forget what was not found again on this connection, once all was sent."""
        for kept in (self._denied, self._left_out):
            for what in kept.keys() - self._fresh:
                del kept[what]
