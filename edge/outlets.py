"""The sinks joined by the settings: the notice to people nearby, the publisher, the viewers.

With edge/app.py and edge/stages.py the only modules that know concrete classes.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edge.folders import state_folder
from edge.notice import Notifier
from edge.notice.banner import Banner, Bell
from edge.notice.switch import NoticeSwitch
from edge.privacy.empty import EmptyScene
from edge.privacy.pixelate import Cover, Pixelation
from edge.privacy.snapshot import Snapshot
from edge.publish.broker import EMBEDDED, device_name, takes_commands
from edge.publish.census import CensusTaker
from edge.publish.command import Bucket
from edge.publish.embedded import EmbeddedBroker
from edge.publish.message import Clock, Sender
from edge.publish.people import People, Presence, Shares
from edge.publish.publisher import Publisher
from edge.publish.remote import Wishes
from edge.show.slot import SceneServer, default_path
from edge.show.terminal import TerminalView
from edge.show.window import WindowProcess, has_display

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from contextlib import ExitStack

    from rich.console import Console

    from edge.notice import Announcer
    from edge.pipeline import Sink
    from edge.publish.broker import Broker
    from edge.report import Report
    from edge.settings import Settings
    from edge.tflite import ModelSpec

_Closable = TypeVar("_Closable", WindowProcess, TerminalView)

_GROUP = "maskwatch"


@dataclass(frozen=True, slots=True)
class Shown:
    """What viewers show beside the picture."""

    status: Callable[[], str]
    banner: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Lasting:
    """What commands and rounds leave behind, until the process ends."""

    notice: NoticeSwitch = field(default_factory=NoticeSwitch)
    announced: set[str] = field(default_factory=set)
    bucket: Bucket = field(default_factory=Bucket)


def build_wishes(settings: Settings, lasting: Lasting, change: Callable[[str, object], None]) -> Wishes:
    """Join what others may command; `change` asks for one setting to be changed, which begins a new round."""

    def turn(word: str) -> None:
        lasting.notice.on = word == "ON"

    def states() -> dict[str, str]:
        profile, dwell_s = settings.detector.profile, settings.alert.dwell_s
        notice = "ON" if lasting.notice.on else "OFF"
        return {"notice": notice, "alert/dwell_s": f"{dwell_s}", "detector/profile": profile}

    effects: dict[str, Callable[[Any], None]] = {"notice": turn}
    effects |= {key: partial(change, key.replace("/", ".")) for key in ("alert/dwell_s", "detector/profile")}
    prefix = settings.homeassistant.prefix if settings.homeassistant.discovery else ""
    if settings.privacy.aggregate:  # what could be commanded is not there
        return Wishes(prefix=prefix, announced=lasting.announced, aggregate=True)
    allowed = effects if takes_commands(settings.mqtt) else {}
    return Wishes(allowed, states, prefix, lasting.announced, lasting.bucket)


def build_publisher(
    settings: Settings,
    broker: Broker,
    models: dict[str, ModelSpec],
    report: Report,
    wishes: Wishes,
    snapshot: Callable[[], bytes] | None,
    stack: ExitStack,
) -> Publisher:
    """Start to publish, to a broker of our own where none is named."""
    if settings.mqtt.host == EMBEDDED:
        stack.callback(EmbeddedBroker(broker.port).close)
    sender = Sender(
        device=device_name(settings.device),
        site=settings.device.site,
        camera=settings.camera.name,
        session=uuid.uuid4().hex[:12],
        clock=Clock(),
        expires_s=settings.alert.expires_s,
        settings_sha256=hashlib.sha256(settings.model_dump_json().encode()).hexdigest(),
    )
    people = _people(settings, sender)
    publisher = Publisher(
        broker, sender, report, models, people, stats_s=settings.mqtt.stats_s, wishes=wishes, snapshot=snapshot
    )
    stack.callback(publisher.close)
    publisher.start()
    return publisher


def _people(settings: Settings, sender: Sender) -> People:
    """Return how people are told of: one by one, or in shares of many alone."""
    privacy = settings.privacy
    if not privacy.aggregate:
        return Presence(sender, interval_s=settings.mqtt.stats_s)
    return Shares(sender, CensusTaker(interval_s=privacy.aggregate_s, min_people=privacy.aggregate_min))


@dataclass(frozen=True, slots=True)
class Leaving:
    """The pictures that may leave the watch: pixelated, where any may leave at all."""

    sinks: tuple[Sink, ...] = ()
    snapshot: Callable[[], bytes] | None = None


def build_leaving(settings: Settings) -> Leaving:
    """Join what makes pictures in which nobody can be recognised."""
    if settings.privacy.aggregate or not settings.mqtt.snapshot:
        return Leaving()
    empty = EmptyScene()
    snapshot = Snapshot(Pixelation(Cover(settings.privacy.pixelate), empty, cells=settings.privacy.cells))
    return Leaving((empty, snapshot), snapshot.jpeg)


def build_viewers(
    settings: Settings, view: Shown, console: Console, stop: threading.Event, stack: ExitStack
) -> list[Sink]:
    """Open what shows the scene: shared memory for windows, a window of our own, the terminal."""
    server = SceneServer(
        Path(settings.show.socket) if settings.show.socket else default_path(),
        max_side_px=settings.show.max_width_px,
        status=view.status,
        banner=view.banner,
        group=_GROUP,
    )
    stack.callback(server.close)
    viewers: list[Sink] = [server]
    if settings.show.window == "on" or (settings.show.window == "auto" and has_display()):
        viewers.append(_closing(stack, WindowProcess(server.path, stop)))
    if settings.show.terminal != "off":
        viewers.append(_closing(stack, TerminalView(console, status=view.status, banner=view.banner)))
    return viewers


def _closing(stack: ExitStack, sink: _Closable) -> _Closable:
    stack.callback(sink.close)
    return sink


def build_notifier(settings: Settings, banner: Banner, switch: NoticeSwitch) -> Notifier:
    """Join the ways in which the people nearby are told."""
    announcers: list[Announcer] = [banner] if settings.notice.banner else []
    if settings.notice.banner and sys.stderr.isatty():
        announcers.append(Bell(sys.stderr, repeat_s=settings.notice.repeat_s))
    return Notifier(settings.notice.phrase, announcers, hold_s=settings.notice.hold_s, switch=switch)


def outbox_path(settings: Settings) -> Path | None:
    """Return where alerts wait: the setting, else the state folder of the service or of the user; None: memory."""
    if settings.mqtt.outbox == "memory" or settings.privacy.aggregate:
        return None
    if settings.mqtt.outbox:
        return Path(settings.mqtt.outbox)
    return state_folder() / f"outbox-{settings.camera.name}.db"
