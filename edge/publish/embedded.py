"""A small broker of our own on loopback, so that a first run needs nothing else; it speaks MQTT 3.1.1."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

from edge.errors import ConfigError, ThreadStuck
from edge.publish.broker import LOOPBACK

_START_S = 20.0
_STOP_S = 3.0


class EmbeddedBroker:
    """amqtt on a thread of its own."""

    def __init__(self, port: int) -> None:
        """Start to listen on 127.0.0.1.

        Raises:
            ConfigError: the port is in use.
            ThreadStuck: the broker does not come up.
        """
        self._port = port
        _check_free(port)
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
        # amqtt tells of each client's coming and going; ours are told by the link
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(asyncio.wait_for(self._broker.shutdown(), _STOP_S))

    async def _start(self) -> None:
        from amqtt.broker import Broker  # noqa: PLC0415 - heavy, and wanted in a first run only

        listener = {"default": {"type": "tcp", "bind": f"{LOOPBACK}:{self._port}"}}
        plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        self._broker = Broker({"listeners": listener, "plugins": plugins})
        await self._broker.start()


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise ConfigError(
                f"mqtt.port: {port} is in use here; if that is a broker, use it: --set mqtt.host={LOOPBACK}, "
                f"else choose another: --set mqtt.port={port + 1}"
            ) from error
