"""Joins what publishes to the broker and receives from it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.app.commands import build_commands
from edge.clock import Clock
from edge.paths import state_folder
from edge.publish import access
from edge.publish.aggregate import AggregateCounter
from edge.publish.announced import Memory
from edge.publish.broker import EMBEDDED, device_name, takes_commands
from edge.publish.homeassistant import discovery_of
from edge.publish.message import Sender, part_of
from edge.publish.presence import People, Presence, Shares
from edge.publish.publisher import Publisher, PublisherConfig
from edge.publish.test_alert import build_test_alert
from edge.settings.redact import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.app.components import Components
    from edge.notice.policy import NoticePolicy
    from edge.publish.broker import Broker
    from edge.publish.embedded import EmbeddedBroker
    from edge.publish.publisher import Report
    from edge.settings.schema import MqttSettings, Settings
    from edge.stages import Models


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What stays through every reload, until the process ends; session: its name in every message.

    aliases: the version of each alias of the model store, empty where it has none.
    """

    notice: NoticePolicy
    aliases: Mapping[str, str] = field(default_factory=dict)
    session: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


def build_publisher(
    settings: Settings,
    broker: Broker,
    models: Models,
    report: Report,
    process: ProcessState,
    change: Callable[[str, object], None],
    snapshot: Callable[[], bytes] | None,
    reports: Mapping[str, Callable[[], dict[str, Any]]],
    keep: Components,
) -> Publisher:
    """Return the publisher, connected to the embedded broker where the settings name it.

    change: asks for one setting to be changed by the next reload.  reports: see `PublisherConfig`.
    """
    sender = build_sender(settings, process.session)
    test_alert = partial(build_test_alert, sender, models.specs["mask"])
    config = PublisherConfig(
        broker=_reachable(settings.mqtt, broker, keep),
        sender=sender,
        models=models.specs,
        runtime=lambda: models.runtime,
        aliases={**process.aliases, "champion": models.version},
        overridden=models.overridden,
        report=report,
        people=_people(settings, sender, keep),
        outbox=outbox_path(settings),
        outbox_limit=settings.mqtt.queue,
        stats_s=settings.mqtt.stats_s,
        commands=build_commands(settings, process.notice, change, test_alert),
        accepts_commands=takes_commands(settings.mqtt),
        discovery=discovery_of(settings),
        memory=Memory(_announced_folder(settings), f"{settings.mqtt.host}:{settings.mqtt.port}"),
        snapshot=snapshot,
        reports=reports,
    )
    publisher = keep("publisher", None, lambda: _started(Publisher(config)), Publisher.close)
    publisher.adopt(config)
    return publisher


def outbox_path(settings: Settings) -> Path | None:
    """Return where alerts wait: the setting, else the state folder of the service or of the user; None: memory."""
    if settings.mqtt.outbox == "memory" or settings.privacy.aggregate:
        return None
    name = Path(settings.mqtt.outbox).name or f"outbox-{settings.camera.name}.db"
    return folder_of_state(settings) / name


def folder_of_state(settings: Settings) -> Path:
    """Return the outbox's folder; one inside it for another root, whose alerts and topics must not mix with others."""
    named = settings.mqtt.outbox not in ("", "memory")
    folder = Path(settings.mqtt.outbox).parent if named else state_folder()
    return folder / part_of(settings.mqtt.topic_root)


def state_of(settings: Settings) -> Path | None:
    """Return where a camera keeps what it has learned: in the outbox's folder; None where nothing may be written."""
    return _announced_folder(settings)


def _announced_folder(settings: Settings) -> Path | None:
    """Return where to remember what was announced: in the outbox's folder. It holds nothing about people."""
    if settings.mqtt.outbox == "memory":
        return None
    return folder_of_state(settings)


def _started(publisher: Publisher) -> Publisher:
    publisher.start()
    return publisher


def build_sender(settings: Settings, session: str) -> Sender:
    """Return what makes the messages of a session."""
    return Sender(
        device=device_name(settings.device),
        site=settings.device.site,
        camera=settings.camera.name,
        session=session,
        clock=Clock(),
        expires_s=settings.alert.expires_s,
        settings_sha256=fingerprint(settings),
        near_m=settings.distance.near_m,
        root=settings.mqtt.topic_root,
    )


def _reachable(mqtt: MqttSettings, broker: Broker, keep: Components) -> Broker:
    """Return the broker to connect to; the embedded one is started first, and its address written for subscribers."""
    if mqtt.host != EMBEDDED:
        return broker
    key = (mqtt.port, broker.user, broker.password)
    embedded, user, password = keep("embedded broker", key, lambda: _embedded(mqtt.port, broker), _close_embedded)
    return replace(broker, user=user, password=password, port=embedded.port)


def _embedded(port: int, broker: Broker) -> tuple[EmbeddedBroker, str, str]:
    """Start the embedded broker; return it with the credential that it asks for."""
    from edge.publish.embedded import EmbeddedBroker  # noqa: PLC0415 - brings asyncio, and another broker needs none

    known = access.with_credential(broker)
    embedded = EmbeddedBroker(port, known.user, known.password)
    access.keep(replace(known, port=embedded.port))
    return embedded, known.user, known.password


def _close_embedded(opened: tuple[EmbeddedBroker, str, str]) -> None:
    opened[0].close()


def _people(settings: Settings, sender: Sender, keep: Components) -> People:
    """Return what publishes numbers of people, with the counts so far: of each person, or shares of many alone."""
    privacy, stats_s = settings.privacy, settings.mqtt.stats_s
    who = (sender.device, sender.camera)
    if not privacy.aggregate:
        presence = keep("presence", who, lambda: Presence(sender, interval_s=stats_s))
        presence.adopt(sender, interval_s=stats_s)
        return presence
    interval_s, min_people = privacy.aggregate_s, privacy.aggregate_min
    counter = AggregateCounter(interval_s=interval_s, min_people=min_people)
    shares = keep("shares", (who, interval_s, min_people), lambda: Shares(sender, counter))
    shares.adopt(sender)
    return shares
