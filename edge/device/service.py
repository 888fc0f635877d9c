"""Checks of the running service and of what it talks to: settings, systemd's word, the broker."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.capture import login
from edge.device.world import Finding, State
from edge.errors import ConfigError
from edge.publish.broker import EMBEDDED, PASSWORD, broker_of
from edge.publish.mqtt import ONLINE, MqttLink

if TYPE_CHECKING:
    from edge.device.world import World
    from edge.publish.broker import Broker
    from edge.settings import Settings

PASSWORDS = Path("/etc/maskwatch")
"""Where the service's unit takes the passwords of broker and camera from."""
_MANY_RESTARTS = 3
_LOOK = "journalctl -u maskwatch -n 50"
_BROKER_S = 8.0
_TICK_S = 0.05
_MENDS = {
    "refused": "check mqtt.user and the password, and what the broker lets this user do",
    "tls": "check mqtt.tls and mqtt.ca_file, and that the clock is right",
    "unknown host name": "check mqtt.host, and that the network is up: ping it",
    "unreachable: Connection refused": "start the broker, check mqtt.port",
    "unreachable": "check the network and the broker's firewall",
    "taken over": "give this device a name of its own (device.name)",
    "mute": "check mqtt.port: what answers there does not speak MQTT",
}
"""What mends the states that edge/publish/trouble.py gives; the longest that fits speaks."""


def service(world: World) -> Finding:
    """Check how systemd finds the service. Source: systemctl(1), show; org.freedesktop.systemd1(5)."""
    properties = ["LoadState", "ActiveState", "SubState", "Result", "NRestarts", "ExecMainStatus", "StatusText"]
    answer = world.run(["systemctl", "show", "maskwatch", *(f"-p{name}" for name in properties)])
    told = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
    if answer.code != 0 or told.get("LoadState") != "loaded":
        return Finding("service", State.OK, "not installed; sudo make install does")
    if told["ActiveState"] == "failed":
        text = f"failed: {told['Result']}, exit code {told['ExecMainStatus']}"
        return Finding("service", State.MISSING, text, f"{_LOOK}; mend what it names; sudo systemctl start maskwatch")
    if told["ActiveState"] in ("inactive", "deactivating"):
        return Finding("service", State.ODD, "it does not run", "sudo systemctl start maskwatch")
    if told["SubState"] == "auto-restart" or int(told["NRestarts"] or 0) > _MANY_RESTARTS:
        return Finding("service", State.ODD, f"it was started again {told['NRestarts']} times", _LOOK)
    return Finding("service", State.OK, told["StatusText"] or told["SubState"])


def lend_passwords(world: World) -> None:
    """Take the passwords as systemd hands them to the service, where this user may read one."""
    readable = any(os.access(PASSWORDS / name, os.R_OK) for name in (PASSWORD, login.PASSWORD))
    if not world.environ.get("CREDENTIALS_DIRECTORY") and readable:
        os.environ["CREDENTIALS_DIRECTORY"] = str(PASSWORDS)


def broker(settings: Settings) -> Finding:
    """Check that the broker takes us, as a client of another name than the service's."""
    if settings.mqtt.host == EMBEDDED:
        return Finding("broker", State.OK, "a small one of our own, while maskwatch runs")
    try:
        target = broker_of(settings.mqtt, "maskwatch-doctor")
    except ConfigError as error:
        return Finding("broker", State.MISSING, str(error), "maskwatch setup, or edit the settings file")
    state = reach(target)
    if state == ONLINE:
        return Finding("broker", State.OK, f"{target.host}:{target.port} takes us")
    return Finding("broker", State.ODD, f"{target.host}:{target.port}: {state}", mend_of(state))


def reach(target: Broker, patience_s: float = _BROKER_S) -> str:
    """Return how an attempt to connect ends: "online", or what is wrong in the words of edge/publish/trouble.py."""
    link = MqttLink(replace(target, retry_min_s=0.2, retry_max_s=0.5))
    deadline, waiting = time.monotonic() + patience_s, link.state
    link.start()
    while link.state == waiting and time.monotonic() < deadline:
        time.sleep(_TICK_S)
    state = link.state if link.state != waiting else "unreachable: no answer"
    link.close()
    return state


def mend_of(state: str) -> str:
    """Return what mends a state of the link."""
    fitting = [beginning for beginning in _MENDS if state.startswith(beginning)]
    return _MENDS[max(fitting, key=len)] if fitting else ""
