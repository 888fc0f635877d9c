"""What a browser may request: the page, the login, the live image, the events."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from edge.show.page.accept import subscriber_of
from edge.show.page.guard import COOKIE, Guard
from edge.show.page.live import BOUNDARY
from edge.show.page.sessions import LoginThrottle, Sessions, tokens_match
from edge.show.page.stream import Stream, ViewerLimit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from edge.settings.schema import WebSettings
    from edge.show.page.events import Events
    from edge.show.page.live import LiveImage

_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_OPEN_FILES = ("login.js", "style.css", "icon.svg")
OPEN_PATHS = frozenset({"/login", *(f"/{name}" for name in _OPEN_FILES)})
"""Paths that need no session: the login page and its files."""
_BODY_S = 5.0
_FULL = "Too many browsers are connected; close one, or raise web.viewers.\n"


class Page:
    """The endpoints, with what they share."""

    def __init__(self, settings: WebSettings, token: str, live: LiveImage, events: Events) -> None:
        """Serve the page of one service."""
        self._settings = settings
        self._token = token
        self._live = live
        self._events = events
        self._event_viewers = ViewerLimit(settings.viewers)
        self._sessions = Sessions(lasts_s=settings.session_s)
        self._throttle = LoginThrottle(limit=settings.wrong_tries)

    def app(self, hosts: frozenset[str]) -> Starlette:
        """Return the application, for requests whose Host is one of `hosts`."""
        routes = [
            Route("/", partial(_file, "index.html"), methods=["GET"]),
            Route("/login", partial(_login_page, "", 200), methods=["GET"]),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/live.mjpg", self._send_live, methods=["GET"]),
            Route("/events", self._send_events, methods=["GET"]),
        ]
        files = [path.name for path in _STATIC.iterdir() if path.suffix in _TYPES]
        routes += [Route(f"/{name}", partial(_file, name), methods=["GET"]) for name in files]
        guard = Middleware(Guard, hosts=hosts, open_paths=OPEN_PATHS, sessions=self._sessions)
        app = Starlette(routes=routes, middleware=[guard], lifespan=self._lifespan)
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

    async def _login(self, request: Request) -> Response:
        """Open a session for the right token, which is in the form and never in the URL."""
        address = subscriber_of(request.client.host) if request.client else ""
        wait_s = self._throttle.wait_s(address)
        if wait_s:
            page = await _login_page(f"Too many wrong tokens. Wait {math.ceil(wait_s)} seconds.", 429, request)
            page.headers["Retry-After"] = str(math.ceil(wait_s))
            return page
        if not tokens_match(await _field(request, "token"), self._token):
            self._throttle.failed(address)
            return await _login_page("That is not the token of this device.", 401, request)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            self._sessions.open(),
            max_age=int(self._settings.session_s),
            secure=request.scope["scheme"] == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _logout(self, request: Request) -> Response:
        self._sessions.close(request.cookies.get(COOKIE))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    async def _send_live(self, request: Request) -> Response:
        if request.method != "GET":
            return PlainTextResponse(status_code=405, headers={"Allow": "GET"})
        if not self._live.add_viewer():
            return PlainTextResponse(_FULL, 503)
        parts = self._live.parts(self._session_open(request))
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return Stream(parts, media_type=kind, send_s=self._settings.send_s, on_end=self._live.remove_viewer)

    async def _send_events(self, request: Request) -> Response:
        if request.method != "GET":
            return PlainTextResponse(status_code=405, headers={"Allow": "GET"})
        viewers = self._event_viewers
        if not viewers.acquire():
            return PlainTextResponse(_FULL, 503)
        events = self._events.events(self._session_open(request))
        return Stream(events, media_type="text/event-stream", send_s=self._settings.send_s, on_end=viewers.release)

    def _session_open(self, request: Request) -> Callable[[], bool]:
        """Return a check whether the session of a request is still open: logging out also ends its streams."""
        return partial(self._sessions.is_open, request.cookies.get(COOKIE))


async def _file(name: str, _request: Request) -> Response:
    path = _STATIC / name
    return Response(path.read_bytes(), media_type=_TYPES.get(path.suffix, "text/html"))


async def _login_page(error: str, status: int, _request: Request) -> Response:
    """Return the form; `error` is a fixed sentence, never user input: it is inserted as markup."""
    return HTMLResponse((_STATIC / "login.html").read_text("utf-8").replace("{{error}}", error), status)


async def _field(request: Request, name: str) -> str:
    """Return a field of a form, "" where it is missing or the body does not arrive in time."""
    try:
        async with asyncio.timeout(_BODY_S):
            body = await request.body()
        return parse_qs(body.decode("ascii", "replace"), max_num_fields=4).get(name, [""])[0]
    except (TimeoutError, ValueError):
        return ""
