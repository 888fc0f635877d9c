"""The broker test of doctor and setup: connect, publish a test alert, and read the reason code."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge import paths
from edge.app.commands import build_commands
from edge.app.notice import build_notice_policy
from edge.publish.broker import device_name, takes_commands
from edge.publish.homeassistant import discovery_of
from edge.publish.message import Clock, Message, Sender
from edge.publish.mqtt import ONLINE, MqttLink
from edge.publish.test_alert import build_test_alert
from edge.tflite import read_spec

if TYPE_CHECKING:
    from edge.publish.broker import Broker
    from edge.publish.command import Command
    from edge.settings.schema import Settings

_TIMEOUT_S = 8.0
_TICK_S = 0.05
_KEY = "trial"
_FIXES = {
    "refused": "check mqtt.user and the password, and the permissions of this user at the broker",
    "tls": "check mqtt.tls and mqtt.ca_file, and that the clock is right",
    "unknown host name": "check mqtt.host, and that the network is up (ping)",
    "unreachable: Connection refused": "start the broker, and check mqtt.port",
    "unreachable": "check the network and the broker's firewall",
    "taken over": "give each device its own name (device.name)",
    "mute": "check mqtt.port: what answers there does not speak MQTT",
    "denied": "allow it in the broker's ACL (example: docs/broker.md), or raise the limit that is named",
    "unresponsive": "read the broker's log: it accepts the connection and acknowledges nothing",
    "lost": "read the broker's log: it closes the connection",
}
"""Fixes by the beginning of the link's state; the longest match counts."""


@dataclass(frozen=True, slots=True)
class BrokerCheck:
    """The result of a broker test: "online", or the problem as edge/publish/backoff.py words it.

    remarks: limits of the broker that affect the service.  has_subscribers: whether anybody subscribes to alerts.
    """

    state: str
    remarks: tuple[str, ...] = ()
    has_subscribers: bool = True

    @property
    def good(self) -> bool:
        """Whether alerts get through."""
        return self.state == ONLINE


def check_broker(target: Broker, settings: Settings, timeout_s: float = _TIMEOUT_S) -> BrokerCheck:
    """Test a broker; `target` has a client id of its own, so that the running service is not disconnected."""
    sender = _sender(settings)
    outcome: list[str] = []
    link = MqttLink(
        replace(target, retry_min_s=0.2, retry_max_s=0.5),
        greeting=lambda: [(_KEY, _message(sender, settings))],
        on_acknowledged=outcome.append,
        subscriptions=_subscriptions(sender, settings),
    )
    before = link.state
    deadline = time.monotonic() + timeout_s
    link.start()
    while not (outcome or link.unheard or _is_final(link.state, before)) and time.monotonic() < deadline:
        time.sleep(_TICK_S)
    state = link.state
    heard = not link.unheard
    remarks = _remarks(link, sender, settings)
    link.close()
    if state == before:
        return BrokerCheck("unreachable: no answer")
    if state == ONLINE and not outcome and heard:
        state = f"unresponsive: no acknowledgement within {timeout_s:.0f} s"
    return BrokerCheck(state, remarks, heard)


def fix_for(state: str) -> str:
    """Return the fix for a state of the link, empty if none is known."""
    matching = [beginning for beginning in _FIXES if state.startswith(beginning)]
    return _FIXES[max(matching, key=len)] if matching else ""


def _is_final(state: str, before: str) -> bool:
    """Return whether a state is final; after a lost connection, the next attempt may show which message caused it."""
    return state not in (before, ONLINE) and not state.startswith("lost")


def _sender(settings: Settings) -> Sender:
    return Sender(
        device=device_name(settings.device),
        site=settings.device.site,
        camera=settings.camera.name,
        session=uuid.uuid4().hex[:12],
        clock=Clock(),
        expires_s=settings.alert.expires_s,
        root=settings.mqtt.topic_root,
    )


def _message(sender: Sender, settings: Settings) -> Message:
    """Return a test alert; in aggregate mode, an empty message on a topic that nothing else uses."""
    if settings.privacy.aggregate:
        return Message(sender.topic("trial"), b"", qos=1)
    return build_test_alert(sender, read_spec(paths.models() / "mask"))


def _subscriptions(sender: Sender, settings: Settings) -> list[str]:
    """Return the topics that the service will subscribe to."""
    discovery = discovery_of(settings)
    births = [discovery.birth_topic] if discovery.prefix else []
    return [*(sender.topic(command.set_topic) for command in _accepted(settings)), *births]


def _accepted(settings: Settings) -> tuple[Command, ...]:
    """Return the commands that the service will accept; here nothing carries them out."""
    if not takes_commands(settings.mqtt):
        return ()
    return build_commands(
        settings, build_notice_policy(settings.notice), change=lambda _key, _value: None, test_alert=lambda: None
    )


def _remarks(link: MqttLink, sender: Sender, settings: Settings) -> tuple[str, ...]:
    limits, discovery = link.limits, discovery_of(settings)
    remarks = [f"the broker {remark}" for remark in limits.remarks if "packets" not in remark]
    if discovery.prefix:
        offered = {"snapshot": settings.mqtt.snapshot, "aggregate": settings.privacy.aggregate}
        message = discovery.message(sender, _accepted(settings), **offered)
        excess = limits.excess(message, mqtt5=True)
        remarks += [f"Home Assistant's discovery has {excess}"] if excess else []
    return tuple(remarks)
