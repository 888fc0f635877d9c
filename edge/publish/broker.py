"""Where to connect, as whom, and with which secret."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.settings import DeviceSettings, MqttSettings

EMBEDDED = "embedded"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and as whom; the password does not show when it is printed."""

    host: str
    port: int
    client_id: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
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
    if mqtt.ca_file and not Path(mqtt.ca_file).is_file():
        raise ConfigError(f"mqtt.ca_file: {mqtt.ca_file}: no such file")
    return Broker(
        host=LOOPBACK if mqtt.host == EMBEDDED else mqtt.host,
        port=mqtt.port,
        client_id=client_id,
        user=mqtt.user,
        password=_password(mqtt),
        ca_file=mqtt.ca_file,
        mqtt5=mqtt.host != EMBEDDED,
        keepalive_s=mqtt.keepalive_s,
        retry_min_s=mqtt.retry_min_s,
        retry_max_s=mqtt.retry_max_s,
    )


def _password(mqtt: MqttSettings) -> str:
    """Return the password from its file, or from systemd's credential `mqtt-password`; empty without a user."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials or "/nonexistent") / "mqtt-password"
    path = Path(mqtt.password_file) if mqtt.password_file else credential
    if not mqtt.user or (not mqtt.password_file and not credential.exists()):
        return ""
    try:
        if path != credential and path.stat().st_mode & stat.S_IROTH:
            raise ConfigError(f"mqtt.password_file: {path}: everybody may read it; mend: chmod 640 {path}")
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"mqtt.password_file: {path}: cannot be read: {error}") from error


def why(error: Exception) -> str:
    """Return what keeps a connection from being made, in words that name the cause."""
    if isinstance(error, ssl.SSLError):
        return f"TLS refused: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return "unknown host name"
    if isinstance(error, OSError) and error.errno:
        return f"unreachable: {os.strerror(error.errno)}"
    return f"unreachable: {error}"
