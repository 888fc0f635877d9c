"""Notifications to systemd: ready, reloading, stopping, and the watchdog's keep-alive."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RELOADED = "reloaded"


class ServiceManager:
    """Tells systemd how the service fares; does nothing where no systemd listens.

    Source: sd_notify(3): a datagram of KEY=VALUE lines to $NOTIFY_SOCKET, whose leading @ stands for a zero byte.
    """

    def __init__(self, environ: dict[str, str] | None = None) -> None:
        """Read where systemd listens and how often it wants a beat."""
        environ = dict(os.environ) if environ is None else environ
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._beat_s = int(environ.get("WATCHDOG_USEC", "0")) / 1e6 / 3
        self._next_beat_at = 0.0
        self._folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] if self._address else ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None

    def ready(self) -> None:
        """Say that the service does its work now."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that the settings are being read again. Source: sd_notify(3), RELOADING=1."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def reloaded(self) -> None:
        """Say that this is done; the file is what the unit's ExecReload waits for where systemd is older than 253."""
        self._send("READY=1")
        if self._folder:
            with contextlib.suppress(OSError):  # systemd then waits for TimeoutStartSec, and the service goes on
                Path(self._folder, RELOADED).touch()

    def stopping(self) -> None:
        """Say that the service is ending."""
        self._send("STOPPING=1")

    def beat(self, status: Callable[[], str]) -> None:
        """Beat the watchdog, with a line of status, a third of its time apart at the most often."""
        now = time.monotonic()
        if self._socket is None or now < self._next_beat_at:
            return
        self._next_beat_at = now + (self._beat_s or 5.0)
        self._send(f"WATCHDOG=1\nSTATUS={status()}")

    def _send(self, text: str) -> None:
        if self._socket is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            self._socket.sendto(text.encode(), address)
        except OSError:  # systemd itself restarts: the next beat finds it again
            return
