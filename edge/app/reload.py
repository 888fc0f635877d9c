"""Settings read again while the watch runs: by a signal, or changed one by one; wrong ones leave the old in force."""

from __future__ import annotations

import logging
import queue
import time
from typing import TYPE_CHECKING

from edge.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from edge.app.validation import Validated

log = logging.getLogger(__name__)

_PAUSE_S = 3.0
"""Shortest time between two reloads by change: a burst of commands, or a slider that is dragged, costs one."""
_SIGNAL = ("", None)


class Reload:
    """Takes requests from any thread and from signals, and reads the settings for them between two frames.

    checked: what is in force.  problem: why the settings that were read last are not, empty where they are.
    """

    checked: Validated

    def __init__(
        self,
        load: Callable[[Mapping[str, object], Validated], Validated],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take requests from now on.

        load: reads and checks them anew, changes by dotted key laid over them; raises EdgeError where they are wrong.
        """
        self._load, self._monotonic = load, monotonic
        # the one queue whose `put` may interrupt itself, as a signal does. Source: the documentation of `queue`
        self._asked: queue.SimpleQueue[tuple[str, object]] = queue.SimpleQueue()
        self._signalled = False
        self._waiting: dict[str, object] = {}
        self._changes: dict[str, object] = {}
        self._read: dict[str, object] = {}
        self._next_at = float("-inf")
        self.problem = ""

    def request(self) -> None:
        """Ask for the settings to be read again; a signal may call this."""
        self._asked.put(_SIGNAL)

    def change(self, key: str, value: object) -> None:
        """Ask for one setting to be laid over those that are read, until the process ends; any thread may call this."""
        self._asked.put((key, value))

    def due(self) -> bool:
        """Return whether settings are to be read now: at once for a signal, for changes after a pause."""
        for key, value in self._take():
            if key:
                self._waiting[key] = value
            else:
                self._signalled = True
        return self._signalled or (bool(self._waiting) and self._monotonic() >= self._next_at)

    def read(self) -> Validated | None:
        """Return the settings to go on with; None where those in force stay: nothing changed, or they are wrong."""
        waiting, by_signal = self._waiting, self._signalled
        self._waiting, self._signalled = {}, False
        self._next_at, self._read = self._monotonic() + _PAUSE_S, self._changes | waiting
        try:
            checked = self._load(self._read, self.checked)
        except EdgeError as error:
            self.refuse(error)
            return None
        if checked.settings == self.checked.settings and not by_signal:
            self.problem = ""
            return None
        return checked

    def accept(self, checked: Validated) -> None:
        """Note that the settings that were read last are in force now."""
        self.checked, self._changes, self.problem = checked, self._read, ""
        log.info("settings: read again")

    def refuse(self, error: EdgeError) -> None:
        """Note why new settings are not in force."""
        self.problem = f"kept the old ones: {error}"
        log.warning("settings: %s", self.problem)

    def _take(self) -> Iterator[tuple[str, object]]:
        while not self._asked.empty():
            yield self._asked.get_nowait()
