"""The address of a broker as users write it: a name or an IP address, with or without a port, or a URL."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from edge.network import is_loopback

EMBEDDED = "embedded"
_NONE = "is not the address of a broker; write host, host:port or [IPv6]:port"
_HOST = re.compile(r"[\w.-]{1,253}")
_PATH = re.compile(r"/[\w.~%+@=&/-]{0,200}")
"""What the request line of a web socket may contain: no space and no line break, which would end it."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """What the scheme of a URL means for the connection."""

    tls: bool
    websockets: bool


_SCHEMES = {
    "mqtt": Scheme(tls=False, websockets=False),
    "tcp": Scheme(tls=False, websockets=False),
    "mqtts": Scheme(tls=True, websockets=False),
    "ssl": Scheme(tls=True, websockets=False),
    "ws": Scheme(tls=False, websockets=True),
    "wss": Scheme(tls=True, websockets=True),
}
"""Source: MQTT.js, Eclipse Paho (tcp, ssl), mosquitto_sub -L; there is no registered URI scheme of MQTT."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a broker; what it does not specify is 0, empty or None."""

    host: str
    port: int = 0
    path: str = ""
    scheme: Scheme | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether the broker runs on this machine."""
        return self.host == EMBEDDED or is_loopback(self.host)


def address_of(text: str) -> Address:
    """Return the address that a text names: host, host:port, [IPv6]:port, IPv6, or a URL such as mqtts://host:port.

    Raises:
        ValueError: it is not an address; the sentence repeats nothing of a URL, which may contain a password.
    """
    if _is_ip(text):
        return Address(text)
    if not text.isprintable() or " " in text:  # urlsplit would ignore line breaks
        raise ValueError(_NONE)
    scheme, separator, rest = text.rpartition("://")
    if separator and scheme.lower() not in _SCHEMES:
        raise ValueError(f"write a name, or a URL that begins with {', '.join(f'{name}://' for name in _SCHEMES)}")
    try:
        parts = urlsplit(f"//{rest}")
        address = Address(parts.hostname or "", parts.port or 0, _path(parts), _SCHEMES.get(scheme.lower()))
    except ValueError as error:
        raise ValueError(_NONE) from error
    _check(address, parts)
    return address


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _path(parts: SplitResult) -> str:
    return "" if parts.path == "/" else parts.path


def _check(address: Address, parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise ValueError("contains a user or a password; set mqtt.user and mqtt.password_file instead")
    if not (_HOST.fullmatch(address.host) or _is_ip(address.host)) or parts.netloc.endswith(":"):
        raise ValueError(_NONE)
    if address.path and not (address.scheme and address.scheme.websockets):
        raise ValueError("a path is allowed with ws:// and wss:// only")
    if parts.query or parts.fragment or (address.path and not _PATH.fullmatch(address.path)):
        raise ValueError("the path of a web socket may contain letters, digits and /.~%+@=&_- only")
    if address.host == EMBEDDED and (address.port or address.scheme):
        raise ValueError(f"write {EMBEDDED} alone, and set its port as mqtt.port")
