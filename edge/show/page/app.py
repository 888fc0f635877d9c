"""What a browser may request: the page, the live image, the events."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edge.show.page.door import STATIC, TYPES, Door, file_route
from edge.show.page.history import History
from edge.show.page.live import BOUNDARY
from edge.show.page.stream import Stream, ViewerLimit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

    from edge.settings.schema import WebSettings
    from edge.show.page.events import Events
    from edge.show.page.live import LiveImage

_FULL = "Too many browsers are connected; close one, or raise web.viewers.\n"


class Page:
    """The endpoints, with what they share."""

    def __init__(self, settings: WebSettings, token: str, live: LiveImage, events: Events, history: Path) -> None:
        """Serve the page of one service. history: the file of its history."""
        self._settings = settings
        self._live = live
        self._events = events
        self._event_viewers = ViewerLimit(settings.viewers)
        self._door = Door(settings, token)
        self._history = History(history)

    def app(self, hosts: frozenset[str]) -> Starlette:
        """Return the application, for requests whose Host is one of `hosts`."""
        routes = [
            file_route(STATIC / "index.html", "/"),
            Route("/live.mjpg", self._send_live, methods=["GET"]),
            Route("/events", self._send_events, methods=["GET"]),
            *self._history.routes(),
            *self._door.routes(),
            *(file_route(path) for path in STATIC.iterdir() if path.suffix in TYPES),
        ]
        app = Starlette(routes=routes, middleware=[self._door.guard(hosts)], lifespan=self._lifespan)
        app.router.redirect_slashes = False
        return app

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Follow the service for as long as the page is served."""
        self._live.start()
        following = asyncio.create_task(self._events.follow(), name="events")
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            self._live.close()

    async def _send_live(self, request: Request) -> Response:
        if request.method != "GET":
            return PlainTextResponse(status_code=405, headers={"Allow": "GET"})
        if not self._live.add_viewer():
            return PlainTextResponse(_FULL, 503)
        parts = self._live.parts(self._door.session_open(request))
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return Stream(parts, media_type=kind, send_s=self._settings.send_s, on_end=self._live.remove_viewer)

    async def _send_events(self, request: Request) -> Response:
        if request.method != "GET":
            return PlainTextResponse(status_code=405, headers={"Allow": "GET"})
        viewers = self._event_viewers
        if not viewers.acquire():
            return PlainTextResponse(_FULL, 503)
        events = self._events.events(self._door.session_open(request))
        return Stream(events, media_type="text/event-stream", send_s=self._settings.send_s, on_end=viewers.release)
