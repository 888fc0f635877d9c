"""A sink that appends each alert to a CSV file.

ALERT_FILE=alerts.csv maskwatch run --source demo

A sink is given every scene on the thread that processes frames, so `put` only passes on what is to be written, and a
thread of the sink writes it.
"""

from __future__ import annotations

import csv
import os
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import edge

_WAITING = 100
"""Rows that may wait for a slow disk; further ones are dropped and counted."""


class AlertFile:
    """Appends one row per alert: device, event, label, seconds without a mask."""

    def __init__(self, path: Path, device: str) -> None:
        """Start the thread that writes."""
        self.dropped = 0
        self._path = path
        self._device = device
        self._rows: queue.Queue[list[object] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._write, name="alert file", daemon=True)
        self._thread.start()

    def put(self, scene: edge.Scene) -> None:
        """Take the alerts of a scene and return at once."""
        for alert in scene.alerts:
            seconds = round(alert.raised_at - alert.since, 1)
            try:
                self._rows.put_nowait([self._device, alert.event_type.value, alert.episode.value, seconds])
            except queue.Full:
                self.dropped += 1

    def close(self) -> None:
        """Write what is waiting, and end the thread."""
        self._rows.put(None)
        self._thread.join(5)

    def _write(self) -> None:
        while (row := self._rows.get()) is not None:
            with self._path.open("a", newline="") as file:
                csv.writer(file).writerow(row)


def alert_file(settings: edge.Settings) -> AlertFile | None:
    """Return the sink, or None where ALERT_FILE is not set: then there is no sink."""
    path = os.environ.get("ALERT_FILE")
    return AlertFile(Path(path), settings.device.name) if path else None
