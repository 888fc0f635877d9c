"""Where to connect, as whom, and with which secret."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.folders import seen

if TYPE_CHECKING:
    from edge.settings import DeviceSettings, MqttSettings

EMBEDDED = "embedded"
LOOPBACK = "127.0.0.1"
_PLAIN_PORT, _TLS_PORT = 1883, 8883
"""Source: IANA service names mqtt and secure-mqtt."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and as whom; the password does not show when it is printed."""

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


def device_name(settings: DeviceSettings) -> str:
    """Return the device's name as topics have it: the setting, else the host's name."""
    return settings.name or "".join(c if c.isalnum() or c in "-_." else "-" for c in socket.gethostname())


def broker_of(mqtt: MqttSettings, client_id: str) -> Broker:
    """Return where to connect and as whom.

    Raises:
        ConfigError: no broker is set, or a secret cannot be read or is readable by everybody.
    """
    if not mqtt.host:
        raise ConfigError(
            "mqtt.host: is not set; name your broker in /etc/maskwatch/config.toml, or write embedded to try one here"
        )
    if "@" in mqtt.host:
        raise ConfigError("mqtt.host: holds a user; fix: name the host alone, and set mqtt.user and mqtt.password_file")
    for key in ("ca_file", "cert_file", "key_file"):
        path = getattr(mqtt, key)
        if path and not os.access(path, os.R_OK):
            raise ConfigError(f"mqtt.{key}: {path}: no such file, or this user may not read it")
    _check_secret("mqtt.key_file", mqtt.key_file)
    tls = uses_tls(mqtt)
    broker = Broker(
        host=LOOPBACK if mqtt.host == EMBEDDED else mqtt.host,
        port=mqtt.port or (_TLS_PORT if tls else _PLAIN_PORT),
        client_id=client_id,
        user=mqtt.user,
        password=_password(mqtt),
        tls=tls,
        ca_file=mqtt.ca_file,
        cert_file=mqtt.cert_file,
        key_file=mqtt.key_file,
        mqtt5=mqtt.host != EMBEDDED,
        keepalive_s=mqtt.keepalive_s,
        retry_min_s=mqtt.retry_min_s,
        retry_max_s=mqtt.retry_max_s,
    )
    if tls:
        tls_context(broker)  # wrong files are told now, not at the first connection
    return broker


def uses_tls(mqtt: MqttSettings) -> bool:
    """Return whether to encrypt: unless the broker is on this machine, or `mqtt.tls` says otherwise."""
    if mqtt.tls != "auto":
        return mqtt.tls == "on"
    return bool(mqtt.ca_file) or not _is_loopback(mqtt.host)


def takes_commands(mqtt: MqttSettings) -> bool:
    """Return whether to take commands: where strangers cannot send any, unless `mqtt.commands` says otherwise."""
    if mqtt.commands != "auto":
        return mqtt.commands == "on"
    return bool(mqtt.user or mqtt.cert_file) or _is_loopback(mqtt.host)


def _is_loopback(host: str) -> bool:
    if host in (EMBEDDED, "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tls_context(broker: Broker) -> ssl.SSLContext:
    """Return the context that checks the broker's certificate and name, and shows ours where there is one.

    Raises:
        ConfigError: a certificate or key cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=broker.ca_file or None)
        if broker.cert_file:
            context.load_cert_chain(broker.cert_file, broker.key_file or None)
    except (OSError, ssl.SSLError) as error:
        named = ", ".join(path for path in (broker.ca_file, broker.cert_file, broker.key_file) if path)
        raise ConfigError(f"mqtt.ca_file, mqtt.cert_file, mqtt.key_file: {named}: {error}") from error
    return context


def _check_secret(key: str, path: str) -> None:
    """Refuse a secret that everybody on the machine may read."""
    if path and seen(Path(path)) and Path(path).stat().st_mode & stat.S_IROTH:
        raise ConfigError(f"{key}: {path}: everybody may read it; mend: chmod 640 {path}")


def _password(mqtt: MqttSettings) -> str:
    """Return the password from its file, or from systemd's credential `mqtt-password`; empty without a user."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials or "/nonexistent") / "mqtt-password"
    path = Path(mqtt.password_file) if mqtt.password_file else credential
    if not mqtt.user or (not mqtt.password_file and not credential.exists()):
        return ""
    _check_secret("mqtt.password_file", mqtt.password_file)
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"mqtt.password_file: {path}: cannot be read: {error}") from error
