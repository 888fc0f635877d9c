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
    """Notifies systemd of the state of the service; does nothing outside a systemd service.

    Source: sd_notify(3): a datagram of KEY=VALUE lines to $NOTIFY_SOCKET, whose leading @ stands for a zero byte.
    """

    def __init__(self, environ: dict[str, str] | None = None) -> None:
        """Read systemd's socket and watchdog interval from the environment."""
        environ = dict(os.environ) if environ is None else environ
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._beat_s = int(environ.get("WATCHDOG_USEC", "0")) / 1e6 / 3
        self._next_beat_at = 0.0
        self._folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] if self._address else ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None

    def ready(self) -> None:
        """Notify that the service is up."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Notify that the settings are being reloaded. Source: sd_notify(3), RELOADING=1."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def reloaded(self) -> None:
        """Notify that the reload is done; before systemd 253, the unit's ExecReload waits for the file."""
        self._send("READY=1")
        if self._folder:
            with contextlib.suppress(OSError):  # systemd then waits for TimeoutStartSec; the service continues
                Path(self._folder, RELOADED).touch()

    def stopping(self) -> None:
        """Notify that the service is stopping."""
        self._send("STOPPING=1")

    def beat(self, status: Callable[[], str]) -> None:
        """Notify the watchdog, with a status line, at most every third of its interval."""
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
        except OSError:  # systemd itself restarts: the next notification reaches it again
            return
