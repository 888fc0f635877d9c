"""When somebody must be told: the contract that every alert policy keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Alert, Reason, Track


class Policy(Protocol):
    """Turns labels into episodes."""

    def judge(self, tracks: Sequence[Track], at: float) -> tuple[Alert, ...]:
        """Return the alerts that are due at `at` seconds on the source's clock."""
        ...

    def open(self) -> tuple[Alert, ...]:
        """Return the newest alert of every open episode."""
        ...

    def close(self, at: float, reason: Reason) -> tuple[Alert, ...]:
        """End every open episode and return the alerts that say so."""
        ...
