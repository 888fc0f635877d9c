"""What goes out to the broker, and what comes in from it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.distance.proximity import proximity
from edge.notice.switch import NoticeSwitch
from edge.paths import state_folder
from edge.publish import access
from edge.publish.aggregate import AggregateCounter
from edge.publish.announced import Announced
from edge.publish.broker import EMBEDDED, device_name, takes_commands
from edge.publish.command import Bucket, Tally
from edge.publish.embedded import EmbeddedBroker
from edge.publish.message import Clock, Sender
from edge.publish.presence import People, Presence, Shares
from edge.publish.publisher import Publisher, Terms
from edge.publish.remote_commands import RemoteCommands
from edge.redaction import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.app.components import Components
    from edge.distance.ranging import RangeFinder
    from edge.monitor.status import StatusReport
    from edge.publish.broker import Broker
    from edge.settings.schema import MqttSettings, Settings
    from edge.tflite import ModelSpec


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What stays through every reload, until the process ends; session: its name in every message."""

    session: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    notice: NoticeSwitch = field(default_factory=NoticeSwitch)
    announced: Announced = field(default_factory=Announced)
    bucket: Bucket = field(default_factory=Bucket)
    tally: Tally = field(default_factory=Tally)


def build_remote_commands(
    settings: Settings, lasting: ProcessState, change: Callable[[str, object], None]
) -> RemoteCommands:
    """Join what others may command; `change` asks for one setting to be changed, which the next reload does."""

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
        "user": settings.mqtt.user,
    }
    if settings.privacy.aggregate:  # what could be commanded is not there
        return RemoteCommands(prefix=prefix, aggregate=True, **kept)
    allowed = effects if takes_commands(settings.mqtt) else {}
    return RemoteCommands(allowed, states, prefix, bucket=lasting.bucket, tally=lasting.tally, **kept)


def build_publisher(
    settings: Settings,
    broker: Broker,
    models: dict[str, ModelSpec],
    report: StatusReport,
    ruler: RangeFinder,
    wishes: RemoteCommands,
    snapshot: Callable[[], bytes] | None,
    session: str,
    keep: Components,
) -> Publisher:
    """Publish, to a broker of our own where none is named."""
    broker = _opened(settings.mqtt, broker, keep)
    sender = _sender(settings, ruler, session)
    people, stats_s = _people(settings, sender, keep), settings.mqtt.stats_s
    terms = Terms(broker, sender, report, models, people, stats_s, wishes, snapshot)
    publisher = keep("publisher", None, lambda: _started(Publisher(terms)), Publisher.close)
    publisher.adopt(terms)
    return publisher


def _started(publisher: Publisher) -> Publisher:
    publisher.start()
    return publisher


def _sender(settings: Settings, ruler: RangeFinder, session: str) -> Sender:
    return Sender(
        device=device_name(settings.device),
        site=settings.device.site,
        camera=settings.camera.name,
        session=session,
        clock=Clock(),
        expires_s=settings.alert.expires_s,
        settings_sha256=fingerprint(settings),
        around=partial(proximity, ruler=ruler, near_m=settings.distance.near_m),
    )


def _opened(mqtt: MqttSettings, broker: Broker, keep: Components) -> Broker:
    """Return the broker as it is met: one of our own is opened first, and its address kept for subscribers."""
    if mqtt.host != EMBEDDED:
        return broker
    known = (mqtt.port, broker.user, broker.password)
    embedded, user, password = keep("embedded broker", known, lambda: _embedded(mqtt.port, broker), _close_embedded)
    return replace(broker, user=user, password=password, port=embedded.port)


def _embedded(port: int, broker: Broker) -> tuple[EmbeddedBroker, str, str]:
    """Open a broker of our own; return it with the credential that it asks for."""
    known = access.with_credential(broker)
    embedded = EmbeddedBroker(port, known.user, known.password)
    access.keep(replace(known, port=embedded.port))
    return embedded, known.user, known.password


def _close_embedded(opened: tuple[EmbeddedBroker, str, str]) -> None:
    opened[0].close()


def _people(settings: Settings, sender: Sender, keep: Components) -> People:
    """Return how people are told of, with the counts so far: one by one, or in shares of many alone."""
    privacy, stats_s, who = settings.privacy, settings.mqtt.stats_s, (sender.device, sender.camera)
    if not privacy.aggregate:
        presence = keep("presence", who, lambda: Presence(sender, interval_s=stats_s))
        presence.adopt(sender, interval_s=stats_s)
        return presence
    interval_s, min_people = privacy.aggregate_s, privacy.aggregate_min
    taker = AggregateCounter(interval_s=interval_s, min_people=min_people)
    shares = keep("shares", (who, interval_s, min_people), lambda: Shares(sender, taker))
    shares.adopt(sender)
    return shares


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
