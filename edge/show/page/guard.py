"""The checks that every request must pass, and the security headers of every response."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from edge.show.page.sessions import Sessions

COOKIE = "maskwatch-session"
BODY_BYTES = 1_024
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?")
_PAGES = ("/", "/history")
"""What a user types or bookmarks: without a session it leads to the login."""
_METHODS = ("GET", "HEAD", "POST")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # no-referrer would blank the Origin of our forms, which is checked
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware that every request passes."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[str],
        open_paths: frozenset[str],
        sessions: Sessions,
        body_bytes: int = BODY_BYTES,
    ) -> None:
        """Let requests for `hosts` in, with bodies of at most `body_bytes`; without a session, only to `open_paths`."""
        self._app = app
        self._hosts = hosts
        self._open_paths = open_paths
        self._sessions = sessions
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await (self._refusal(Request(scope)) or self._app)(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> Response | None:
        """Return the response that refuses a request, None where it passes."""
        checks: tuple[Callable[[Request], Response | None], ...] = (
            self._check_host,
            _check_method,
            self._check_size,
            _check_origin,
            self._check_session,
        )
        return next((refusal for check in checks if (refusal := check(request))), None)

    def _check_host(self, request: Request) -> Response | None:
        """Refuse other host names: a foreign name that resolves to this address would share our cookies."""
        match = _HOST.fullmatch(request.headers.get("host", "").lower())
        if match and match[1] in self._hosts:
            return None
        return PlainTextResponse("This page is not served under this host name; see web.hosts.\n", 400)

    def _check_size(self, request: Request) -> Response | None:
        """Refuse bodies that are long or of unknown length; GET has none."""
        length = request.headers.get("content-length", "" if request.method == "POST" else "0")
        if "transfer-encoding" in request.headers or not length.isdecimal():
            return PlainTextResponse("The request must have a Content-Length.\n", 411)
        longest = self._body_bytes if request.method == "POST" else 0
        return None if int(length) <= longest else PlainTextResponse("The body is too long.\n", 413)

    def _check_session(self, request: Request) -> Response | None:
        path = request.scope["path"]  # `request.url` of Starlette 0.40 raises for the target "["
        if path in self._open_paths or self._sessions.is_open(request.cookies.get(COOKIE)):
            return None
        if path in _PAGES:
            return RedirectResponse("/login", 303)
        return PlainTextResponse("Log in first.\n", 401)


def _check_method(request: Request) -> Response | None:
    if request.method in _METHODS:
        return None
    return PlainTextResponse("This method is not allowed.\n", 405, headers={"Allow": ", ".join(_METHODS)})


def _check_origin(request: Request) -> Response | None:
    """Refuse forms of other sites; a browser always sends the origin of a form."""
    scheme, _, host = request.headers.get("origin", "").lower().partition("://")
    is_own = scheme in ("http", "https") and host == request.headers.get("host", "").lower()
    if request.method != "POST" or is_own:
        return None
    return PlainTextResponse("This form came from another site.\n", 403)
