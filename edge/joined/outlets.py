"""What goes out to the broker, and what comes in from it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.distance.near import proximity
from edge.folders import state_folder
from edge.notice.switch import NoticeSwitch
from edge.publish import access
from edge.publish.announced import Announced
from edge.publish.broker import EMBEDDED, device_name, takes_commands
from edge.publish.census import CensusTaker
from edge.publish.command import Bucket
from edge.publish.embedded import EmbeddedBroker
from edge.publish.message import Clock, Sender
from edge.publish.people import People, Presence, Shares
from edge.publish.publisher import Publisher
from edge.publish.remote import Wishes
from edge.redaction import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from edge.distance.ruler import Ruler
    from edge.publish.broker import Broker
    from edge.report import Report
    from edge.settings import MqttSettings, Settings
    from edge.tflite import ModelSpec


@dataclass(frozen=True, slots=True)
class Lasting:
    """What commands and rounds leave behind, until the process ends."""

    notice: NoticeSwitch = field(default_factory=NoticeSwitch)
    announced: Announced = field(default_factory=Announced)
    bucket: Bucket = field(default_factory=Bucket)


def build_wishes(settings: Settings, lasting: Lasting, change: Callable[[str, object], None]) -> Wishes:
    """Join what others may command; `change` asks for one setting to be changed, which begins a new round."""

    def turn(word: str) -> None:
        lasting.notice.asked = word == "ON"

    def states() -> dict[str, str]:
        profile, dwell_s = settings.detector.profile, settings.alert.dwell_s
        notice = "ON" if lasting.notice.on(settings.notice.enabled) else "OFF"
        return {"notice": notice, "alert/dwell_s": f"{dwell_s}", "detector/profile": profile}

    effects: dict[str, Callable[[Any], None]] = {"notice": turn}
    effects |= {key: partial(change, key.replace("/", ".")) for key in ("alert/dwell_s", "detector/profile")}
    prefix = settings.homeassistant.prefix if settings.homeassistant.discovery else ""
    kept: dict[str, Any] = {
        "announced": lasting.announced,
        "folder": announced_folder(settings),
        "at": f"{settings.mqtt.host}:{settings.mqtt.port}",
    }
    if settings.privacy.aggregate:  # what could be commanded is not there
        return Wishes(prefix=prefix, aggregate=True, **kept)
    allowed = effects if takes_commands(settings.mqtt) else {}
    return Wishes(allowed, states, prefix, bucket=lasting.bucket, **kept)


def build_publisher(
    settings: Settings,
    broker: Broker,
    models: dict[str, ModelSpec],
    report: Report,
    ruler: Ruler,
    wishes: Wishes,
    snapshot: Callable[[], bytes] | None,
    stack: ExitStack,
) -> Publisher:
    """Start to publish, to a broker of our own where none is named."""
    broker = _opened(settings.mqtt, broker, stack)
    sender = Sender(
        device=device_name(settings.device),
        site=settings.device.site,
        camera=settings.camera.name,
        session=uuid.uuid4().hex[:12],
        clock=Clock(),
        expires_s=settings.alert.expires_s,
        settings_sha256=fingerprint(settings),
        around=partial(proximity, ruler=ruler, near_m=settings.distance.near_m),
    )
    people = _people(settings, sender)
    publisher = Publisher(
        broker, sender, report, models, people, stats_s=settings.mqtt.stats_s, wishes=wishes, snapshot=snapshot
    )
    stack.callback(publisher.close)
    publisher.start()
    return publisher


def _opened(mqtt: MqttSettings, broker: Broker, stack: ExitStack) -> Broker:
    """Return the broker as it is met: one of our own is opened first, and its address kept for subscribers."""
    if mqtt.host != EMBEDDED:
        return broker
    known = access.with_credential(broker)
    embedded = EmbeddedBroker(mqtt.port, known.user, known.password)
    stack.callback(embedded.close)
    met = replace(known, port=embedded.port)
    access.keep(met)
    return met


def _people(settings: Settings, sender: Sender) -> People:
    """Return how people are told of: one by one, or in shares of many alone."""
    privacy = settings.privacy
    if not privacy.aggregate:
        return Presence(sender, interval_s=settings.mqtt.stats_s)
    return Shares(sender, CensusTaker(interval_s=privacy.aggregate_s, min_people=privacy.aggregate_min))


def announced_folder(settings: Settings) -> Path | None:
    """Return where it is remembered what was announced: where alerts wait. It holds nothing about people."""
    if settings.mqtt.outbox == "memory":
        return None
    return Path(settings.mqtt.outbox).parent if settings.mqtt.outbox else state_folder()


def outbox_path(settings: Settings) -> Path | None:
    """Return where alerts wait: the setting, else the state folder of the service or of the user; None: memory."""
    if settings.mqtt.outbox == "memory" or settings.privacy.aggregate:
        return None
    if settings.mqtt.outbox:
        return Path(settings.mqtt.outbox)
    return state_folder() / f"outbox-{settings.camera.name}.db"
