"""Settings taken in again while the watch runs: wrong ones are told, and the old ones stay in force."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING

from edge.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from edge.settings import Settings

log = logging.getLogger(__name__)


class Rounds:
    """The rounds of a watch, one for each set of settings; `stop` ends the round that runs."""

    def __init__(self, settings: Settings, load: Callable[[Mapping[str, object]], Settings]) -> None:
        """Begin with `settings`.

        load: reads them anew and lays values by dotted key over them; raises EdgeError where they are wrong.
        """
        self._settings, self._load = settings, load
        self._asked: queue.SimpleQueue[tuple[str, object]] = queue.SimpleQueue()
        self._changes: dict[str, object] = {}
        self._requested, self._ended = threading.Event(), False
        self.stop = threading.Event()
        self.problem = ""

    def __iter__(self) -> Iterator[Settings]:
        """Yield the settings of each round, as long as a round ended for new ones."""
        before = None
        while not self._ended and self._settings is not before:
            before = self._settings
            yield before
            self.stop = threading.Event()

    def end(self) -> None:
        """End the round that runs, and begin no other; a signal may call this."""
        self._ended = True
        self.stop.set()

    def request(self) -> None:
        """Ask for the settings to be read again; a signal may call this."""
        self._requested.set()

    def change(self, key: str, value: object) -> None:
        """Ask for one setting to be laid over those that are read, until the process ends; any thread may call this."""
        self._asked.put((key, value))
        self._requested.set()

    def check(self) -> None:
        """Read the settings again if that was asked for, and end the round where they are right."""
        if not self._requested.is_set():
            return
        self._requested.clear()
        asked = dict(self._take())
        try:
            settings = self._load(self._changes | asked)
        except EdgeError as error:
            self.problem = f"kept the old ones: {error}"
            log.warning("settings: %s", self.problem)
            return
        self.problem, self._changes = "", self._changes | asked
        if asked and settings == self._settings:
            return
        self._settings = settings
        log.info("settings: read again")
        self.stop.set()

    def _take(self) -> Iterator[tuple[str, object]]:
        while not self._asked.empty():
            yield self._asked.get_nowait()
