"""A trial of the broker, as doctor and setup make it: a test alert is published, and its reason code read."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge import paths
from edge.publish.broker import device_name, takes_commands
from edge.publish.command import COMMANDS
from edge.publish.homeassistant import discovery
from edge.publish.message import Clock, Message, Sender
from edge.publish.mqtt import ONLINE, MqttLink
from edge.publish.test_alert import build_test_alert
from edge.tflite import read_spec

if TYPE_CHECKING:
    from edge.publish.broker import Broker
    from edge.settings.schema import Settings

_PATIENCE_S = 8.0
_TICK_S = 0.05
_KEY = "trial"
_FIXES = {
    "refused": "check mqtt.user and the password, and what the broker lets this user do",
    "tls": "check mqtt.tls and mqtt.ca_file, and that the clock is right",
    "unknown host name": "check mqtt.host, and that the network is up: ping it",
    "unreachable: Connection refused": "start the broker, check mqtt.port",
    "unreachable": "check the network and the broker's firewall",
    "taken over": "give this device a name of its own (device.name)",
    "mute": "check mqtt.port: what answers there does not speak MQTT",
    "denied": "allow it in the broker's ACL (docs/broker.md has one), or raise the limit that is named",
    "unresponsive": "look at the broker's own log: it takes the connection and acknowledges nothing",
    "lost": "look at the broker's own log: it ends the connection",
}
"""What fixes the states of the link; the longest that fits is taken."""


@dataclass(frozen=True, slots=True)
class BrokerCheck:
    """How it went: "online" or what is wrong, in the words of edge/publish/backoff.py, and what else to know.

    remarks: what the broker does not do, where the service will feel it.  heard: whether anybody subscribes to alerts.
    """

    state: str
    remarks: tuple[str, ...] = ()
    heard: bool = True

    @property
    def good(self) -> bool:
        """Whether alerts get through."""
        return self.state == ONLINE


def check_broker(target: Broker, settings: Settings, patience_s: float = _PATIENCE_S) -> BrokerCheck:
    """Return how a trial of a broker ends; `target` has a client id of its own, so that no service is thrown out."""
    sender = _sender(settings)
    outcome: list[str] = []
    link = MqttLink(
        replace(target, retry_min_s=0.2, retry_max_s=0.5),
        greeting=lambda: [(_KEY, _message(sender, settings))],
        on_acknowledged=outcome.append,
        subscriptions=_subscriptions(sender, settings),
    )
    deadline, before = time.monotonic() + patience_s, link.state
    link.start()
    while not (outcome or link.unheard or _is_final(link.state, before)) and time.monotonic() < deadline:
        time.sleep(_TICK_S)
    state, heard, remarks = link.state, not link.unheard, _remarks(link, sender, settings)
    link.close()
    if state == before:
        return BrokerCheck("unreachable: no answer")
    silent = state == ONLINE and not outcome and heard
    return BrokerCheck(
        f"unresponsive: no acknowledgement within {patience_s:.0f} s" if silent else state, remarks, heard
    )


def fix_of(state: str) -> str:
    """Return what fixes a state of the link."""
    fitting = [beginning for beginning in _FIXES if state.startswith(beginning)]
    return _FIXES[max(fitting, key=len)] if fitting else ""


def _is_final(state: str, before: str) -> bool:
    """Return whether a state stays; a connection that is lost may yet show at which message."""
    return state not in (before, ONLINE) and not state.startswith("lost")


def _sender(settings: Settings) -> Sender:
    return Sender(
        device=device_name(settings.device),
        site=settings.device.site,
        camera=settings.camera.name,
        session=uuid.uuid4().hex[:12],
        clock=Clock(),
        expires_s=settings.alert.expires_s,
    )


def _message(sender: Sender, settings: Settings) -> Message:
    """Return a test alert; where nothing is published of single people, an empty message beside all others."""
    if settings.privacy.aggregate:
        return Message(sender.topic("trial"), b"", qos=1)
    return build_test_alert(sender, read_spec(paths.models() / "mask"))


def _subscriptions(sender: Sender, settings: Settings) -> list[str]:
    """Return what the service will subscribe to."""
    commands = takes_commands(settings.mqtt) and not settings.privacy.aggregate
    home = [f"{settings.homeassistant.prefix}/status"] if settings.homeassistant.discovery else []
    return [*(sender.topic(f"{key}/set") for key in COMMANDS if commands), *home]


def _remarks(link: MqttLink, sender: Sender, settings: Settings) -> tuple[str, ...]:
    limits, home = link.limits, settings.homeassistant
    told = [f"the broker {remark}" for remark in limits.remarks if "packets" not in remark]
    if home.discovery:
        offered = {"commands": takes_commands(settings.mqtt), "snapshot": settings.mqtt.snapshot}
        message = discovery(home.prefix, sender, **offered, aggregate=settings.privacy.aggregate)
        excess = limits.excess(message, mqtt5=True)
        told += [f"Home Assistant's discovery has {excess}"] if excess else []
    return tuple(told)
