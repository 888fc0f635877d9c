"""The broker to connect to, and the credentials for it."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge import secret
from edge.errors import ConfigError
from edge.publish.address import EMBEDDED as EMBEDDED  # noqa: PLC0414 - the one word that is not an address
from edge.publish.address import Address, address_of

if TYPE_CHECKING:
    from edge.settings.schema import DeviceSettings, MqttSettings

LOOPBACK = "127.0.0.1"
PASSWORD = "mqtt-password"  # noqa: S105 - the name of its file
"""The name of systemd's credential and of the service's file with the password of the broker."""
PORTS = {(False, False): 1883, (True, False): 8883, (False, True): 80, (True, True): 443}
"""By (TLS, web sockets). Source: IANA service names mqtt and secure-mqtt; RFC 6455, section 3."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and with which credentials; the password is not shown when this is printed."""

    host: str
    port: int
    client_id: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    mqtt5: bool = True
    keepalive_s: int = 20
    retry_min_s: float = 1.0
    retry_max_s: float = 60.0
    websockets: bool = False
    path: str = ""


def device_name(settings: DeviceSettings) -> str:
    """Return the name of the device in topics: the setting, else the host name."""
    return settings.name or "".join(c if c.isalnum() or c in "-_." else "-" for c in socket.gethostname())


def broker_of(mqtt: MqttSettings, client_id: str) -> Broker:
    """Return the broker that the settings name; certificates are read when connecting, see `tls_context`.

    Raises:
        ConfigError: no broker is set, settings contradict each other, or a secret cannot be read or is readable by
            all users.
    """
    if not mqtt.host:
        raise ConfigError(
            "mqtt.host: is not set; name your broker in /etc/maskwatch/config.toml, or write embedded to try one here"
        )
    address = _address(mqtt)
    _check_pairs(mqtt, address)
    if mqtt.key_file:
        secret.check_private("mqtt.key_file", Path(mqtt.key_file))
    tls, websockets = uses_tls(mqtt), _uses_websockets(mqtt, address)
    return Broker(
        host=LOOPBACK if address.host == EMBEDDED else address.host,
        port=address.port or mqtt.port or PORTS[tls, websockets],
        client_id=client_id,
        user=mqtt.user,
        password=secret.password("mqtt.password_file", mqtt.password_file, credential=PASSWORD) if mqtt.user else "",
        tls=tls,
        ca_file=mqtt.ca_file,
        cert_file=mqtt.cert_file,
        key_file=mqtt.key_file,
        mqtt5=address.host != EMBEDDED,
        keepalive_s=mqtt.keepalive_s,
        retry_min_s=mqtt.retry_min_s,
        retry_max_s=mqtt.retry_max_s,
        websockets=websockets,
        path=(address.path or mqtt.path) if websockets else "",
    )


def _address(mqtt: MqttSettings) -> Address:
    try:
        return address_of(mqtt.host)
    except ValueError as error:
        raise ConfigError(f"mqtt.host: {error}") from None


def _check_pairs(mqtt: MqttSettings, address: Address) -> None:
    """Refuse pairs of settings of which one would have no effect."""
    if address.port and mqtt.port not in (0, address.port):
        raise ConfigError(f"mqtt.port: {mqtt.port}, but mqtt.host names port {address.port}; write one of them")
    if mqtt.password_file and not mqtt.user:
        raise ConfigError("mqtt.password_file: is set without mqtt.user; write the user that the password belongs to")
    if mqtt.key_file and not mqtt.cert_file:
        raise ConfigError("mqtt.key_file: is set without mqtt.cert_file; write the certificate that the key belongs to")
    _check_scheme(mqtt, address)
    if mqtt.tls == "off" and (mqtt.ca_file or mqtt.cert_file):
        key = "ca_file" if mqtt.ca_file else "cert_file"
        raise ConfigError(f"mqtt.tls: off, but mqtt.{key} is set; remove one of them")


def _check_scheme(mqtt: MqttSettings, address: Address) -> None:
    """Refuse a URL that contradicts `mqtt.tls` or `mqtt.transport`; plain text over a network has to be set twice."""
    scheme = address.scheme
    if scheme is None:
        return
    if mqtt.transport == "websockets" and not scheme.websockets:
        raise ConfigError("mqtt.transport: websockets, but mqtt.host is not a ws:// or wss:// URL; change one of them")
    if scheme.tls and mqtt.tls == "off":
        raise ConfigError("mqtt.tls: off, but the URL in mqtt.host asks for TLS; change one of them")
    if scheme.tls or mqtt.tls == "off":
        return
    if mqtt.tls == "on" or mqtt.ca_file or not address.is_loopback:
        secure = "wss://" if scheme.websockets else "mqtts://"
        raise ConfigError(f"mqtt.host: the URL asks for plain text; write {secure}, or set mqtt.tls=off to confirm it")


def uses_tls(mqtt: MqttSettings) -> bool:
    """Return whether to use TLS: as the URL or `mqtt.tls` specifies, else unless the broker is on this machine."""
    address = _address(mqtt)
    if address.scheme:
        return address.scheme.tls
    if mqtt.tls != "auto":
        return mqtt.tls == "on"
    return bool(mqtt.ca_file) or not address.is_loopback


def _uses_websockets(mqtt: MqttSettings, address: Address) -> bool:
    return address.scheme.websockets if address.scheme else mqtt.transport == "websockets"


def takes_commands(mqtt: MqttSettings) -> bool:
    """Return whether to accept commands: as `mqtt.commands` specifies, else where no stranger can send any."""
    if mqtt.commands != "auto":
        return mqtt.commands == "on"
    return bool(mqtt.user or mqtt.cert_file) or _address(mqtt).is_loopback


def tls_context(broker: Broker) -> ssl.SSLContext:
    """Return the context that checks the certificate and name of the broker, and presents ours where there is one.

    Raises:
        ConfigError: a certificate or key cannot be read.
    """
    for key in ("ca_file", "cert_file", "key_file"):
        path = getattr(broker, key)
        if path and not os.access(path, os.R_OK):
            raise ConfigError(f"mqtt.{key}: {path}: no such file, or this user may not read it")
    try:
        context = ssl.create_default_context(cafile=broker.ca_file or None)
        # Python 3.13 sets it by default; it refuses authorities without a key usage, as mosquitto's manual makes them
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"mqtt.ca_file: {broker.ca_file}: no certificate can be read from it: {error}") from error
    try:
        if broker.cert_file:
            context.load_cert_chain(broker.cert_file, broker.key_file or None, password=str)
    except (OSError, ssl.SSLError) as error:
        named = f"mqtt.cert_file, mqtt.key_file: {broker.cert_file}, {broker.key_file or 'no key file'}"
        raise ConfigError(f"{named}: certificate and key cannot be read, or do not belong together: {error}") from error
    return context
