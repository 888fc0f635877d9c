"""Whether the people nearby are told at all: as the settings say, until it is turned over MQTT."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class NoticeSwitch:
    """Outlives every reload; one thread turns it, another reads it.  asked: None until somebody has turned it."""

    asked: bool | None = None

    def on(self, enabled: bool) -> bool:  # noqa: FBT001 - a predicate of one setting
        """Return whether notices are told, where the settings say `enabled`."""
        return enabled if self.asked is None else self.asked
