"""Address and credential of the embedded broker, in a file that `maskwatch watch` and mosquitto_sub read."""

from __future__ import annotations

import logging
import os
import secrets
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from edge import files, secret
from edge.errors import NotRunning
from edge.paths import SERVICE_STATE, state_folder
from edge.publish.broker import EMBEDDED, broker_of

if TYPE_CHECKING:
    from pathlib import Path

    from edge.publish.broker import Broker
    from edge.settings.schema import MqttSettings

log = logging.getLogger(__name__)

_USER = "maskwatch"
_NAMES = ("mosquitto_sub", "mosquitto_pub")
"""Files of options that these programs read below $XDG_CONFIG_HOME. Source: mosquitto_sub(1), Files."""


def with_credential(broker: Broker) -> Broker:
    """Return the embedded broker with a user and a password: the one set, that of an earlier run, or a random one."""
    if broker.user:
        return broker
    password = _read(state_folder() / _NAMES[0]).get("-P") or secrets.token_hex(16)
    return replace(broker, user=_USER, password=password)


def keep(broker: Broker) -> None:
    """Write address and credential, readable by the owner alone; log a failure and go on."""
    options = {"-h": broker.host, "-p": broker.port, "-u": broker.user, "-P": broker.password, "-V": "311"}
    text = "".join(f"{option} {value}\n" for option, value in options.items() if value)
    folder = state_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _NAMES:
            with files.replacing(folder / name, mode=0o600) as draft:
                draft.write_text(text)
    except OSError as error:
        log.warning("embedded broker: %s: %s; no other program can subscribe", folder, error.strerror)


def find(mqtt: MqttSettings) -> Broker:
    """Return the broker to subscribe to: the embedded one of a running maskwatch where none is named.

    Raises:
        ConfigError: see `broker_of`.
        NotRunning: there is none.
    """
    broker = broker_of(mqtt, client_id="")
    if mqtt.host != EMBEDDED or broker.user:
        return broker
    found = next((options for folder in (state_folder(), SERVICE_STATE) if (options := _read(folder / _NAMES[0]))), {})
    if not found:
        raise NotRunning("no maskwatch with an embedded broker has run here; fix: start one, or set mqtt.host")
    return replace(broker, port=mqtt.port or int(found["-p"]), user=found["-u"], password=found["-P"])


def how_to_subscribe(mqtt: MqttSettings, broker: Broker) -> str:
    """Return a command line that works as printed; it shows no password."""
    if mqtt.host == EMBEDDED:
        return f"XDG_CONFIG_HOME={shlex.quote(str(state_folder()))} mosquitto_sub -t 'maskwatch/#' -v"
    if broker.user or broker.tls or broker.websockets:
        return "maskwatch watch, with these settings"
    return f"mosquitto_sub -h {broker.host} -p {broker.port} -t 'maskwatch/#' -v"


def _read(path: Path) -> dict[str, str]:
    """Return the options in a file; none where it is absent, belongs to another user, or others may read it."""
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            private = status.st_uid in (os.getuid(), 0) or os.getuid() == 0
            if not private or secret.is_public(status):
                return {}
            options = dict(line.rstrip("\n").split(" ", 1) for line in file)
    except (OSError, ValueError):
        return {}
    return options if options.keys() >= {"-p", "-u", "-P"} and options["-p"].isdecimal() else {}
