"""Who is let in to a page: the token opens a session, and without one only the login is served."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge.show.page.accept import subscriber_of
from edge.show.page.guard import BODY_BYTES, COOKIE, Guard
from edge.show.page.sessions import LoginThrottle, Sessions, tokens_match

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from edge.settings.schema import WebSettings

STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_OPEN_FILES = ("login.js", "style.css", "icon.svg")
OPEN_PATHS = frozenset({"/login", *(f"/{name}" for name in _OPEN_FILES)})
"""Paths that need no session: the login page and its files."""
_BODY_S = 5.0


class Door:
    """The login of a page."""

    def __init__(self, settings: WebSettings, token: str) -> None:
        """Open sessions for a token."""
        self._settings = settings
        self._token = token
        self._sessions = Sessions(lasts_s=settings.session_s)
        self._throttle = LoginThrottle(limit=settings.wrong_tries)

    def routes(self) -> list[Route]:
        """Return the routes of login and logout, and of the files that the login page needs."""
        return [
            Route("/login", partial(_login_page, "", 200), methods=["GET"]),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            *(file_route(STATIC / name) for name in _OPEN_FILES),
        ]

    def guard(self, hosts: frozenset[str], body_bytes: int = BODY_BYTES) -> Middleware:
        """Return what refuses requests without a session, for other hosts, or with bodies above `body_bytes`."""
        return Middleware(Guard, hosts=hosts, open_paths=OPEN_PATHS, sessions=self._sessions, body_bytes=body_bytes)

    def session_open(self, request: Request) -> Callable[[], bool]:
        """Return a check whether the session of a request is still open: logging out also ends its streams."""
        return partial(self._sessions.is_open, request.cookies.get(COOKIE))

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


def file_route(path: Path, address: str = "") -> Route:
    """Return the route of a file that ships with a page, under its name unless `address` is given."""
    kind = TYPES.get(path.suffix, "text/html")
    return Route(address or f"/{path.name}", partial(_file, path.read_bytes(), kind), methods=["GET"])


async def _file(content: bytes, kind: str, _request: Request) -> Response:
    return Response(content, media_type=kind)


async def _login_page(error: str, status: int, _request: Request) -> Response:
    """Return the form; `error` is a fixed sentence, never user input: it is inserted as markup."""
    return HTMLResponse((STATIC / "login.html").read_text("utf-8").replace("{{error}}", error), status)


async def _field(request: Request, name: str) -> str:
    """Return a field of a form, "" where it is missing or the body does not arrive in time."""
    try:
        async with asyncio.timeout(_BODY_S):
            body = await request.body()
        return parse_qs(body.decode("ascii", "replace"), max_num_fields=4).get(name, [""])[0]
    except (TimeoutError, ValueError):
        return ""
