"""Announces the device to Home Assistant in one message, from which it makes a device and its entities.

Source: Home Assistant, MQTT integration, device discovery; tests/publish/test_homeassistant.py holds its rules.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.publish.broker import device_name
from edge.publish.message import Message, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge.publish.command import Command
    from edge.publish.message import Sender
    from edge.settings.schema import Settings

Component = dict[str, Any]

_MAIN = "main"
"""The name of a device's only camera, which its topic does without."""
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_EVENT = """
{%- set known = this.attributes if this is defined else {} -%}
{%- set again = known.get('event_id') == value_json.event_id and known.get('seq') == value_json.seq -%}
{%- if not value_json.delayed and not again -%}
{{ {'event_type': value_json.event_type, 'event_id': value_json.event_id, 'seq': value_json.seq,
    'label': value_json.label, 'confidence': value_json.confidence, 'duration_s': value_json.duration_s,
    'reason': value_json.reason, 'camera': value_json.camera, 't_decided': value_json.t_decided} | tojson }}
{%- endif -%}
""".replace("\n", "")
"""An alert that arrives late or again fires nothing: Home Assistant ignores an empty result."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """How the device is announced to Home Assistant.

    prefix: of Home Assistant's topics; empty: the device is not announced.
    own_user: the broker knows the device as a user of its name. That name is then a level of the topic, so that an ACL
    can restrict each device to its own topic (`%u` in mosquitto's).
    """

    prefix: str = ""
    own_user: bool = False

    @property
    def birth_topic(self) -> str:
        """Where Home Assistant publishes that it has started."""
        return f"{self.prefix}/status"

    def topic(self, sender: Sender) -> str:
        """Return the topic of the announcement."""
        if not self.own_user or _allowed(sender.device) != sender.device:
            return f"{self.prefix}/device/{device_id(sender)}/config"
        camera = [] if sender.camera == _MAIN else [_allowed(sender.camera)]
        more = [device_id(sender)] if sender.part else camera
        return "/".join([self.prefix, "device", sender.device, *more, "config"])

    def message(
        self,
        sender: Sender,
        commands: Iterable[Command],
        *,
        snapshot: bool,
        aggregate: bool = False,
        drift: bool = False,
    ) -> Message:
        """Return the retained announcement.

        commands: those that are accepted.  snapshot: whether images are sent.
        aggregate: whether shares of many people are published instead of counts and alerts.
        drift: whether drift is watched.
        """
        components = _shares(sender) if aggregate else _alert(sender) | _counts(sender)
        components |= _host_metrics(sender) | _problems(sender) | _commands(sender, commands)
        components |= (_drift(sender) if drift else {}) | (_snapshot(sender) if snapshot else {})
        name = device_id(sender)
        body = {
            "dev": _device(sender),
            "o": {"name": "maskwatch", "sw": __version__},
            # the defaults, written out all the same: Home Assistant 2025.4 once failed to set an entity up without them
            "avty": [
                {"topic": topic, "pl_avail": "online", "pl_not_avail": "offline"}
                for topic in (sender.topic("status"), sender.camera_topic("status"))
            ],
            "avty_mode": "all",
            "cmps": {key: {**part, "qos": 1, "unique_id": f"{name}-{key}"} for key, part in components.items()},
        }
        return Message(self.topic(sender), encode(body), qos=1, retain=True)


def discovery_of(settings: Settings) -> Discovery:
    """Return how the device is announced to Home Assistant."""
    if not settings.homeassistant.discovery:
        return Discovery()
    own_user = settings.mqtt.user == device_name(settings.device)
    return Discovery(settings.homeassistant.prefix, own_user=own_user)


def device_id(sender: Sender) -> str:
    """Return the name that Home Assistant knows a device's camera by; see `_allowed`."""
    whole = f"{sender.device}/{sender.camera}"
    if sender.part:  # "/" is replaced, so that the hash keeps it apart from a device of the usual root
        return _allowed(f"maskwatch-{sender.part}/{sender.device}-{sender.camera}", f"{sender.part}/{whole}")
    return _allowed(f"maskwatch-{sender.device}-{sender.camera}", whole)


def _allowed(name: str, whole: str = "") -> str:
    """Return a name of letters, digits, - and _ only.

    A name with any other character gets a hash of `whole`, so that two names never share entities; other names stay as
    they are, so that an upgrade keeps their entities.
    """
    allowed = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return name if allowed == name else f"{allowed}-{hashlib.sha256((whole or name).encode()).hexdigest()[:12]}"


def _device(sender: Sender) -> dict[str, Any]:
    device = {
        "ids": [device_id(sender)],
        "name": " ".join(filter(None, ("maskwatch", sender.part, sender.device))),
        "mf": "maskwatch",
        "mdl": "maskwatch",
    }
    return device | {"sw": __version__} | ({"sa": sender.site} if sender.site else {})


def left_out(before: str, now: str) -> dict[str, Component]:
    """Return the components of an earlier message that a later one no longer has; none where either is damaged."""
    try:
        old, new = json.loads(before)["cmps"], json.loads(now)["cmps"]
        return {key: component for key, component in old.items() if key not in new and component["p"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _alert(sender: Sender) -> dict[str, Component]:
    unmasked = {"p": "binary_sensor", "name": "Unmasked", "device_class": "safety"}
    event = {"p": "event", "name": "Alert", "event_types": ["start", "update", "end", "test"], "icon": "mdi:face-mask"}
    return {
        "unmasked": {**unmasked, "state_topic": sender.camera_topic("unmasked")},
        "alert": {**event, "state_topic": sender.camera_topic("alert"), "value_template": _EVENT},
    }


def _counts(sender: Sender) -> dict[str, Component]:
    names = {
        "with_mask": "With mask",
        "without_mask": "Without mask",
        "incorrect_mask": "Mask worn wrongly",
        "unsure": "Unsure",
    }
    base = {"p": "sensor", "state_topic": sender.camera_topic("count"), "unit_of_measurement": "persons"}
    visible = {
        key: {**base, "name": name, "state_class": "measurement", "value_template": f"{{{{ value_json.faces.{key} }}}}"}
        for key, name in names.items()
    }
    entries = {"name": "Entries today", "state_class": "total_increasing"}
    entries |= {"value_template": "{{ value_json.entries.values() | sum }}"}
    return visible | {"entries": {**base, **entries}}


def _shares(sender: Sender) -> dict[str, Component]:
    base = {"p": "sensor", "state_topic": sender.camera_topic("aggregate"), "state_class": "measurement"}
    share = {**base, "name": "Share with mask", "unit_of_measurement": "%"}
    value = "value_json.shares.with_mask"
    share |= {"value_template": f"{{{{ ({value} * 100) | round(1) if value_json.shares else none }}}}"}
    return {
        "with_mask_share": share,
        "people": {**base, "name": "People counted", "value_template": "{{ value_json.people }}"},
    }


def _host_metrics(sender: Sender) -> dict[str, Component]:
    def sensor(name: str, key: str, unit: str, device_class: str | None = None) -> Component:
        base = {"p": "sensor", "name": name, "state_topic": sender.topic("stats"), "state_class": "measurement"}
        base |= {"unit_of_measurement": unit, "value_template": f"{{{{ value_json.{key} }}}}", **_DIAGNOSTIC}
        return base | ({"device_class": device_class} if device_class else {})

    return {
        "fps": sensor("Frame rate", "fps_hz", "fps"),
        "latency": sensor("Latency", "latency_ms", "ms", "duration"),
        "temperature": sensor("Temperature", "temperature_c", "°C", "temperature"),
    }


def _problems(sender: Sender) -> dict[str, Component]:
    def sensor(name: str, topic: str, template: str, device_class: str = "problem") -> Component:
        base = {"p": "binary_sensor", "name": name, "device_class": device_class, "state_topic": topic}
        return {**base, "value_template": template, **_DIAGNOSTIC}

    stats, kept = sender.topic("stats"), "['memory', 'opening']"
    outbox = f"value_json.outbox.state.startswith('disk') or value_json.outbox.state in {kept}"
    camera = "{{ 'OFF' if value_json.state == 'ok' else 'ON' }}"
    link = "{{ 'ON' if value == 'online' else 'OFF' }}"
    return {
        "camera": sensor("Camera and lens", sender.camera_topic("health"), camera),
        "outbox": sensor("Outbox", stats, f"{{{{ 'OFF' if {outbox} else 'ON' }}}}"),
        # the last will sets it too, so it stays available when nothing else does
        "link": {**sensor("Broker link", sender.topic("status"), link, "connectivity"), "avty": []},
    }


def _drift(sender: Sender) -> dict[str, Component]:
    base = {"state_topic": sender.topic("drift"), **_DIAGNOSTIC}
    accuracy = {"p": "sensor", "name": "Estimated accuracy", "unit_of_measurement": "%", "state_class": "measurement"}
    found = "{% set found = value_json.get('accuracy') %}"  # absent without a reference, null before the first window
    accuracy |= {"value_template": found + "{{ (found.estimate * 100) | round(1) if found else none }}"}
    persists = "{{ 'ON' if value_json.get('problem') else 'OFF' }}"
    drift = {"p": "binary_sensor", "name": "Drift", "device_class": "problem", "value_template": persists}
    return {"accuracy": {**base, **accuracy}, "drift": {**base, **drift}}


def _commands(sender: Sender, commands: Iterable[Command]) -> dict[str, Component]:
    found: dict[str, Component] = {}
    for command in commands:
        topics = {"command_topic": sender.topic(command.set_topic)}
        topics |= {"state_topic": sender.topic(command.state_topic)} if command.state else {}
        found |= {key: {**component, **topics} for key, component in command.entity.items()}
    return found


def _snapshot(sender: Sender) -> dict[str, Component]:
    image = {"p": "image", "name": "Snapshot", "content_type": "image/jpeg"}
    return {"snapshot": {**image, "image_topic": sender.camera_topic("snapshot")}}
