"""The process of the web page: one event loop that serves it, and one thread that makes the live image."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

import uvicorn

from edge.show.page.app import Page
from edge.show.page.binding import address_of, check, hosts_of, listener_of
from edge.show.page.events import Events
from edge.show.page.live import LiveImage
from edge.show.page.log_limit import OncePerMinute
from edge.show.page.protocol import Server
from edge.show.page.token import hold, token_of, token_path
from edge.show.sockets import FEED_SOCKET, IMAGES_SOCKET, socket_next_to

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.types import ASGIApp

    from edge.settings.schema import WebSettings

log = logging.getLogger(__name__)

_REQUEST_BYTES = 16_384
_KEEP_ALIVE_S = 5
_SHUTDOWN_S = 1
_LOGIN_CONNECTIONS = 16
"""Connections for logging in, on top of four per viewer."""


def serve(web: WebSettings, scene: Path, history: Path, *, with_watch: bool) -> None:
    """Serve the page of the service at `scene` until SIGINT or SIGTERM; `with_watch`: end when the service ends.

    history: the file of its history, which need not exist.

    Raises:
        ConfigError: a setting is unsafe, the port is in use, or the token cannot be read.
    """
    check(web)
    path = token_path(web)
    token = token_of(path)
    hold(path)

    def end(*_: object) -> None:
        server.should_exit = True

    live = LiveImage(socket_next_to(scene, IMAGES_SOCKET), viewers=web.viewers)
    events = Events(socket_next_to(scene, FEED_SOCKET), on_end=end if with_watch else lambda: None)
    page = Page(web, token, live, events, history)
    server = Server(_config(web, page.app(hosts_of(web))), limit=4 * web.viewers + _LOGIN_CONNECTIONS)
    for handler in logging.getLogger().handlers:
        handler.addFilter(OncePerMinute())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)  # before the server installs its own handlers, and after it restores these
    listener = listener_of(web)
    log.info("web page: %s (its token: run maskwatch web --token, or read %s)", address_of(web), path)
    server.run([listener])


def serve_local(web: WebSettings, app: ASGIApp, opened: Callable[[str], None]) -> None:
    """Serve another page until SIGINT or SIGTERM, on loopback; `opened` gets its address.

    Raises:
        ConfigError: the port is in use.
    """
    server = Server(_config(web, app), limit=_LOGIN_CONNECTIONS)

    def end(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    listener = listener_of(web)
    opened(address_of(web))
    server.run([listener])


def _config(web: WebSettings, app: ASGIApp) -> uvicorn.Config:
    """Return the configuration of the server: plain HTTP/1.1, no access log, a limit on everything."""
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    return uvicorn.Config(
        app,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(web.trusted_proxies),
        forwarded_allow_ips=list(web.trusted_proxies),
        ssl_certfile=web.tls_cert or None,
        ssl_keyfile=web.tls_key or None,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        h11_max_incomplete_event_size=_REQUEST_BYTES,
    )
