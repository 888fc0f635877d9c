"""The embedded broker on loopback, so that a first run needs no other; it speaks MQTT 3.1.1."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

from edge.errors import ConfigError, ThreadStuck
from edge.publish.broker import LOOPBACK, PORTS

log = logging.getLogger(__name__)

_START_S = 20.0
_STOP_S = 3.0
_DELIVER_S = 1.0
"""How long the last messages, including `offline`, may take to reach the subscribers."""
_NEIGHBOURS = 100
"""Ports to try, from the usual one on, before the system chooses any."""


class EmbeddedBroker:
    """amqtt on its own thread, listening on `port`."""

    def __init__(self, port: int, user: str, password: str) -> None:
        """Listen on 127.0.0.1; where `port` is 0, on the next free port from the usual one on.

        Raises:
            ConfigError: the port is in use.
            ThreadStuck: the broker does not start.
        """
        self.port = port or _next_free(PORTS[False, False])
        if not _is_free(self.port):
            raise ConfigError(
                f"mqtt.port: {port} is in use here; if that is a broker, use it: --set mqtt.host={LOOPBACK}, "
                f"else leave mqtt.port out: the next free port is taken"
            )
        if not port and self.port != PORTS[False, False]:
            log.info("embedded broker: port %d is in use, listening on %d", PORTS[False, False], self.port)
        self._credential = user, password
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._broker: Any = None
        self._thread = threading.Thread(target=self._run, name="embedded broker", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise ThreadStuck("the embedded broker did not start; name another with mqtt.host")

    def close(self) -> None:
        """Stop the broker and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        # amqtt logs every client that connects and disconnects; the link logs ours
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._broker.deliver(_DELIVER_S))
        self._loop.run_until_complete(asyncio.wait_for(self._broker.shutdown(), _STOP_S))

    async def _start(self) -> None:
        from edge.publish.private_broker import PrivateBroker  # noqa: PLC0415 - heavy, and needed for the embedded broker only

        self._broker = PrivateBroker(f"{LOOPBACK}:{self.port}", *self._credential)
        await self._broker.start()


def _next_free(first: int) -> int:
    """Return the first free port from `first` on, or any free port where a hundred are in use."""
    return next((port for port in range(first, first + _NEIGHBOURS) if _is_free(port)), 0) or _any_free()


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
