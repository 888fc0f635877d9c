"""Hands out metrics: over HTTP on loopback, or in a file for node_exporter; on threads of its own."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import generate_latest, make_wsgi_app

from edge.errors import ConfigError
from edge.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from prometheus_client import CollectorRegistry

log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_INTERVAL_S = 15.0
"""That of Prometheus's own example configuration."""
_READABLE_BY_ALL = 0o644
_JOIN_S = 2.0


class MetricsPage:
    """Serves `/metrics` on loopback."""

    def __init__(self, port: int, registry: CollectorRegistry) -> None:
        """Listen.

        Raises:
            ConfigError: the port cannot be opened.
        """
        try:
            self._server = make_server(_LOOPBACK, port, make_wsgi_app(registry), handler_class=_Silent)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(f"metrics.port: {port}: {reason}; fix: another port, or 0") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics page", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_JOIN_S)


class MetricsFile:
    """Replaces a file with the newest metrics every 15 seconds, and removes it at the end, so that none is stale."""

    def __init__(self, path: Path, registry: CollectorRegistry, interval_s: float = _INTERVAL_S) -> None:
        """Write from now on; a file that cannot be written is logged once, and tried again."""
        self._path, self._registry, self._interval_s = path, registry, interval_s
        self._failed = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics file", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop writing and remove the file."""
        self._stop.set()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._write()
            self._stop.wait(self._interval_s)
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("metrics.textfile: %s: %s", self._path, error)

    def _write(self) -> None:
        try:
            with replacing(self._path, mode=_READABLE_BY_ALL) as draft:
                draft.write_bytes(generate_latest(self._registry))
        except OSError as error:
            reason = error.strerror or type(error).__name__  # without the draft's name, which is new each time
            if self._failed != reason:
                self._failed = reason
                log.warning("metrics.textfile: %s: %s; tried again every %.0f s", self._path, reason, self._interval_s)
        else:
            self._failed = ""


class _Silent(WSGIRequestHandler):
    """Logs no requests: one comes every few seconds."""

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""
