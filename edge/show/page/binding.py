"""Where the page listens, and whether that is safe: for other machines only over TLS, under the configured names."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from edge import secret
from edge.errors import ConfigError
from edge.network import is_loopback

if TYPE_CHECKING:
    from edge.settings.schema import WebSettings

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_BACKLOG = 1_024
_SEND_BYTES = 65_536
"""Send buffer for a slow browser, doubled by Linux; a larger one only makes its image older. Source: socket(7)."""


def check(web: WebSettings) -> None:
    """Refuse settings that would expose the page or its token to the network.

    Raises:
        ConfigError: other machines reach the address without TLS or a name in web.hosts, or a file is wrong.
    """
    if bool(web.tls_cert) != bool(web.tls_key):
        raise ConfigError("web.tls_cert, web.tls_key: only one of them is set; fix: set both or neither")
    if web.tls_cert:
        _check_files(web)
    if is_loopback(web.host):
        return
    if not web.tls_cert:
        raise ConfigError(
            f"web.host: {web.host}: other machines can reach this address, and without TLS anybody on the network can "
            f"read the token and the image; fix: set web.tls_cert and web.tls_key, or leave web.host at 127.0.0.1 and "
            f"connect through ssh -L {web.port}:127.0.0.1:{web.port} DEVICE or a reverse proxy on this machine"
        )
    if not hosts_of(web) - set(_LOOPBACK_NAMES):
        raise ConfigError(
            f"web.hosts: must list the names by which browsers reach this device, since web.host is {web.host}"
        )


def hosts_of(web: WebSettings) -> frozenset[str]:
    """Return the host names under which the page is served, IPv6 addresses in brackets."""
    names = [web.host, *web.hosts]
    bracketed = [f"[{name}]" if ":" in name and not name.startswith("[") else name for name in names]
    wildcards = {"0.0.0.0", "[::]"}  # noqa: S104 - left out, not bound
    return frozenset({name.lower() for name in bracketed} - wildcards | set(_LOOPBACK_NAMES))


def address_of(web: WebSettings) -> str:
    """Return the URL of the page, as typed on this machine."""
    host = f"[{web.host}]" if ":" in web.host else web.host
    return f"{'https' if web.tls_cert else 'http'}://{host}:{web.port}/"


def listener_of(web: WebSettings) -> socket.socket:
    """Return the listening socket.

    Raises:
        ConfigError: the port is in use, or the address is not one of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(f"web.host, web.port: cannot listen on {web.host}:{web.port}: {error.strerror}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
    return listener


def _check_files(web: WebSettings) -> None:
    try:
        secret.check_private("web.tls_key", Path(web.tls_key))
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(web.tls_cert, web.tls_key)
    except ssl.SSLError as error:
        raise ConfigError(
            f"web.tls_cert, web.tls_key: {web.tls_cert}, {web.tls_key}: {error.reason or error}"
        ) from error
    except OSError as error:
        raise ConfigError(f"web.tls_cert, web.tls_key: {error.filename or web.tls_cert}: {error.strerror}") from error
