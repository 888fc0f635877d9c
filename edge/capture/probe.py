"""The reason why a camera could not be opened: FFmpeg and V4L2 report only that it failed."""

from __future__ import annotations

import base64
import errno
import hashlib
import http.client
import os
import re
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""Source: IANA service names rtsp, rtsps, http, https."""
_STATUS = {
    401: "{login}",
    403: "the camera refuses this user (403); fix: grant this user access to the video in the camera's settings",
    404: "the camera has no such path (404); fix: look up the stream's path in its manual or on its web page",
    453: "the camera has no bandwidth for another viewer (453); fix: close other viewers",
    503: "the camera is busy (503); fix: close other viewers, or wait",
}
_NO_LOGIN = "the camera requires a user and a password (401); fix: set camera.user and camera.password_file"
_WRONG_LOGIN = "the camera refuses this user or password (401); fix: correct camera.user or camera.password_file"
_LONGEST_BYTES = 16_384


def why_not(url: str, timeout_s: float) -> str:
    """Return why a network camera delivers no stream, from one request within about `timeout_s`.

    url: with the user and password that were used; neither is in the result.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme.lower()]
        if not parts.hostname:
            return "the address has no host; fix: write it as rtsp://HOST/PATH"
        ask = _ask_rtsp if parts.scheme.lower().startswith("rtsp") else _ask_http
        status, kind = ask(parts, port, timeout_s)
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        return _no_answer(error)
    if status in _STATUS:
        return _STATUS[status].format(login=_WRONG_LOGIN if parts.username else _NO_LOGIN)
    if status >= 300:
        return f"the camera answers with status {status}; fix: check the address"
    if kind.startswith(("text/html", "application/xhtml")):
        return "the address is a web page, not a stream; fix: look up the stream's path in the camera's manual"
    return f"it answers{f' with {kind}' if kind else ''}, but no video could be decoded"


def why_no_device(path: Path) -> str:
    """Return why a USB camera cannot be opened."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except FileNotFoundError:
        return "no such camera is connected; fix: connect it, or run maskwatch doctor for the cameras that are"
    except PermissionError:
        return "this user may not use it; fix: sudo usermod -aG video $USER, then log in again"
    except OSError as error:
        if error.errno == errno.EBUSY:
            return "another program uses it; fix: close that program"
        return str(error.strerror)
    return "it delivers no images: another program uses it, or it is not a camera"


def _no_answer(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host; fix: check the host name in the address"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused; fix: check the port, and that streaming is turned on at the camera"
    if isinstance(error, TimeoutError):
        return "no answer in time; fix: check the address, and that camera and network are up"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason}; fix: use rtsp:// or http:// if the camera does not support TLS"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be reached: {error.strerror}"
    return "what answers there is not a camera; fix: check address and port"


def _ask_http(parts: SplitResult, port: int, timeout_s: float) -> tuple[int, str]:
    """Return status and content type of the address."""
    secure = parts.scheme.lower() == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", port, timeout=timeout_s)
    try:
        login = {"Authorization": _basic(parts)} if parts.username else {}
        connection.request("GET", _path(parts), headers=login)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", "")
    finally:
        connection.close()


def _ask_rtsp(parts: SplitResult, port: int, timeout_s: float) -> tuple[int, str]:
    """Return status and content type of DESCRIBE, with the login if the camera requires it. Source: RFC 2326, 10.2."""
    with socket.create_connection((parts.hostname or "", port), timeout_s) as plain:
        connection = _wrapped(plain, parts) if parts.scheme.lower() == "rtsps" else plain
        uri = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{_path(parts)}"
        status, headers = _describe(connection, uri, 1, "")
        challenge = headers.get("www-authenticate", "")
        if status == http.HTTPStatus.UNAUTHORIZED and parts.username:
            login = _digest(parts, uri, challenge) if challenge.lower().startswith("digest") else _basic(parts)
            status, headers = _describe(connection, uri, 2, f"Authorization: {login}\r\n")
        return status, headers.get("content-type", "")


def _wrapped(plain: socket.socket, parts: SplitResult) -> socket.socket:
    """Return the connection over TLS, unverified: cameras' certificates are rarely signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=parts.hostname)


def _describe(connection: socket.socket, uri: str, number: int, more: str) -> tuple[int, dict[str, str]]:
    request = f"DESCRIBE {uri} RTSP/1.0\r\nCSeq: {number}\r\nAccept: application/sdp\r\n{more}\r\n"
    connection.sendall(request.encode())
    received = b""
    while b"\r\n\r\n" not in received and len(received) < _LONGEST_BYTES:
        part = connection.recv(4096)
        if not part:
            break
        received += part
    first, *lines = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    found = re.match(r"RTSP/\d\.\d (\d{3})", first)
    if found is None:
        raise ValueError(first)
    return int(found[1]), {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _basic(parts: SplitResult) -> str:
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(login.encode()).decode()}"


def _digest(parts: SplitResult, uri: str, challenge: str) -> str:
    """Return the answer to a digest challenge. Source: RFC 2069, 2.4, which RTSP cameras use."""
    asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    user = unquote(parts.username or "")
    realm = asked.get("realm", "")
    nonce = asked.get("nonce", "")
    secret = _md5(f"{user}:{realm}:{unquote(parts.password or '')}")
    response = _md5(f"{secret}:{nonce}:{_md5(f'DESCRIBE:{uri}')}")
    return f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"'


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
