"""The process of the web page: everything joined and served, by one event loop and one thread for pictures."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

import uvicorn

from edge.show.page.app import Page
from edge.show.page.binding import address_of, check, hosts_of, listener_of
from edge.show.page.events import News
from edge.show.page.live import Pictures
from edge.show.page.log_limit import OncePerMinute
from edge.show.page.protocol import Server
from edge.show.page.token import hold, token_of
from edge.show.sockets import beside
from edge.show.web import NEWS, PICTURES, token_path

if TYPE_CHECKING:
    from pathlib import Path

    from edge.settings.schema import WebSettings

log = logging.getLogger(__name__)

_REQUEST_BYTES = 16_384
_KEEP_ALIVE_S, _LEAVE_S = 5, 1
_MORE = 16
"""Connections for those who log in, on top of four for each viewer."""


def serve(web: WebSettings, scene: Path, *, with_watch: bool) -> None:
    """Serve the page of the watch at `scene` until SIGINT or SIGTERM, or with it, until that ends.

    Raises:
        ConfigError: a setting is unsafe, the port is taken, or the token cannot be read.
    """
    check(web)
    path = token_path(web)
    token = token_of(path)
    hold(path)

    def end(*_: object) -> None:
        server.should_exit = True

    pictures = Pictures(beside(scene, PICTURES), viewers=web.viewers)
    news = News(beside(scene, NEWS), on_end=end if with_watch else lambda: None)
    server = Server(_config(web, Page(web, token, pictures, news)), limit=4 * web.viewers + _MORE)
    for handler in logging.getLogger().handlers:
        handler.addFilter(OncePerMinute())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)  # before the server takes them over, and when it raises them again at its end
    listener = listener_of(web)
    log.info("web page: %s  its token: maskwatch web --token, or %s", address_of(web), path)
    server.run([listener])


def _config(web: WebSettings, page: Page) -> uvicorn.Config:
    """Return how the page is served: plain HTTP/1.1, quietly, with a bound to everything."""
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    return uvicorn.Config(
        page.app(hosts_of(web)),
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
        timeout_graceful_shutdown=_LEAVE_S,
        h11_max_incomplete_event_size=_REQUEST_BYTES,
    )
