"""What every request must pass before it is answered, and what every answer says to the browser."""

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
_METHODS = ("GET", "HEAD", "POST")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # no-referrer would blank the Origin of our own forms, which is checked
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: the one way in."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], open_paths: frozenset[str], sessions: Sessions) -> None:
        """Let requests for `hosts` in, without a session only to `open_paths`."""
        self._app, self._hosts, self._open_paths, self._sessions = app, hosts, open_paths, sessions

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
        """Return why a request is not answered, None where it is."""
        checks: tuple[Callable[[Request], Response | None], ...] = (
            self._of_host,
            _of_method,
            _of_size,
            _of_origin,
            self._of_session,
        )
        return next((refusal for check in checks if (refusal := check(request))), None)

    def _of_host(self, request: Request) -> Response | None:
        """Refuse names that are not ours: a foreign name that resolves to this address would share our cookies."""
        match = _HOST.fullmatch(request.headers.get("host", "").lower())
        if match and match[1] in self._hosts:
            return None
        return PlainTextResponse("This page is not served under this name; see web.hosts.\n", 400)

    def _of_session(self, request: Request) -> Response | None:
        path = request.scope["path"]  # `request.url` of Starlette 0.40 raises for the target "["
        if path in self._open_paths or self._sessions.known(request.cookies.get(COOKIE)):
            return None
        if path == "/":
            return RedirectResponse("/login", 303)
        return PlainTextResponse("Log in first.\n", 401)


def _of_method(request: Request) -> Response | None:
    if request.method in _METHODS:
        return None
    return PlainTextResponse("Not allowed.\n", 405, headers={"Allow": ", ".join(_METHODS)})


def _of_size(request: Request) -> Response | None:
    """Refuse bodies that are long, or of unknown length; GET has none."""
    length = request.headers.get("content-length", "" if request.method == "POST" else "0")
    if "transfer-encoding" in request.headers or not length.isdecimal():
        return PlainTextResponse("How long is it?\n", 411)
    longest = BODY_BYTES if request.method == "POST" else 0
    return None if int(length) <= longest else PlainTextResponse("Too long.\n", 413)


def _of_origin(request: Request) -> Response | None:
    """Refuse forms that another site sends; a browser always says where a form came from."""
    scheme, _, host = request.headers.get("origin", "").lower().partition("://")
    is_own = scheme in ("http", "https") and host == request.headers.get("host", "").lower()
    if request.method != "POST" or is_own:
        return None
    return PlainTextResponse("This form came from another site.\n", 403)
