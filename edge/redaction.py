"""Addresses without their secrets: the only form in which they are logged, published or shown."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HIDDEN = "***"
_PARTS = re.compile(r"(?P<scheme>[^\W\d][\w+.-]*:)?(?P<slashes>/*)(?P<rest>.*)", re.DOTALL)
_LOCAL = ("/", "./", "../", "~")
_HOST = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+(%[\w.-]+)?\])?(:\d*)?")
_SEGMENT = re.compile(r"(?!(?=.*\d).{12})[\w.~@+,-]*")
"""A part of a path that is neither a parameter (XMEye: `/user=admin&password=…`) nor may be a token (UniFi Protect: 12
characters or more with a digit among them are the only key to the stream)."""
_PASSWORD = re.compile(r"[?&;/_](?:\w*?(?:pass|pwd|psw|token|secret|cred)\w*?|\w*?key|pw|auth)=[^&;#/]", re.IGNORECASE)


def redacted(address: str) -> str:
    """Return an address as it may be shown: scheme, host, port and a plain path. Any other text is returned unchanged.

    User and password are left out in every spelling. Every query is hidden, since the names that cameras give to their
    secrets cannot be listed. Where an unescaped "/", "?" or "#" in a password hides its end, only the scheme is left.
    """
    scheme, slashes, rest = _PARTS.fullmatch(address.strip()).groups()  # type: ignore[union-attr]
    if not _is_network(address.strip(), scheme or "", slashes):
        return address
    if not slashes and ("@" in rest or "://" in rest):  # where the scheme ends and the user begins is unknown
        return HIDDEN
    authority, path, query = _split(rest)
    user, _, host = authority.rpartition("@")
    unclear = "@" in path + query and (user or ":" in rest[: rest.rindex("@")])
    if unclear or not _HOST.fullmatch(host):
        return f"{scheme or ''}{slashes}{HIDDEN}"
    return f"{scheme or ''}{slashes}{host}{_plain(path)}{f'?{HIDDEN}' if query else ''}"


def file_address(address: str) -> str:
    """Return the address of a file as rows and sentences name it: scheme, host, port and path.

    User, password, query and fragment are left out. The path is the name of the file, so it is kept as it is.
    """
    scheme, slashes, rest = _PARTS.fullmatch(address.strip()).groups()  # type: ignore[union-attr]
    authority, path, query = _split(rest)
    host = authority.rpartition("@")[2]
    if "@" in path + query and ":" in authority:  # an unescaped "/" in a password hides where it ends
        return f"{scheme or ''}{slashes}{HIDDEN}"
    return f"{scheme or ''}{slashes}{host}{path}"


def _plain(path: str) -> str:
    """Return a path up to the first part that may hold a secret; the secret may go on in the parts behind it."""
    parts = path.split("/")
    plain = list(takewhile(_SEGMENT.fullmatch, parts))
    return "/".join([*plain, HIDDEN] if len(plain) < len(parts) else plain)


def holds_password(address: str) -> bool:
    """Return whether an address certainly holds a password: behind the user, or in a parameter with such a name."""
    scheme, slashes, rest = _PARTS.fullmatch(address.strip()).groups()  # type: ignore[union-attr]
    if not _is_network(address.strip(), scheme or "", slashes):
        return False
    user, at, _ = rest.rpartition("@")
    _, colon, password = user.partition(":")
    is_port = re.match(r"\d+[/?#]", password)
    return bool((at and colon and password and not is_port) or _PASSWORD.search(rest))


def keys_with_passwords(values: Mapping[str, Any]) -> list[str]:
    """Return the dotted keys whose values hold a password; `values` is nested as in a settings file."""
    sections = {section: content for section, content in values.items() if isinstance(content, dict)}
    keys = {f"{section}.{name}": value for section, content in sections.items() for name, value in content.items()}
    return [key for key, value in keys.items() if isinstance(value, str) and holds_password(value)]


def _is_network(address: str, scheme: str, slashes: str) -> bool:
    """Return whether a text is, or was meant as, a network address; a device or a file is not."""
    if scheme.lower() == "usb:" and slashes != "//":
        return False
    if scheme or slashes == "//":
        return True
    return not address.startswith(_LOCAL) and ("://" in address or ("@" in address and ":" in address))


def _split(rest: str) -> tuple[str, str, str]:
    """Return authority, path and query (with a fragment), as FFmpeg splits them. Source: av_url_split."""
    beginning = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority = beginning.partition("/")[0]
    return authority, beginning[len(authority) :], rest[len(beginning) :]
