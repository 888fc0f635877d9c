"""The composition root: the only module that knows concrete classes, and joins them by the settings."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

from edge import pipeline
from edge.capture.spec import open_source
from edge.health import ServiceManager, Timings, Vitals
from edge.monitor.lens import LensHealth
from edge.notice import Notifier
from edge.notice.banner import Banner, Bell
from edge.publish.broker import EMBEDDED, broker_of, device_name
from edge.publish.embedded import EmbeddedBroker
from edge.publish.message import Clock, Sender
from edge.publish.outbox import Outbox
from edge.publish.publisher import Publisher
from edge.reload import Rounds
from edge.report import Report
from edge.show.slot import SceneServer, default_path
from edge.show.terminal import TerminalView
from edge.show.window import WindowProcess, has_display
from edge.stages import Models, build_stages, load_models

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from edge.notice import Announcer
    from edge.pipeline import Sink
    from edge.publish.broker import Broker
    from edge.settings import Settings

_Closable = TypeVar("_Closable", WindowProcess, TerminalView)

_GROUP = "maskwatch"


def watch(settings: Settings, load: Callable[[], Settings]) -> None:
    """Watch until the source ends, or SIGINT or SIGTERM comes; SIGHUP reads the settings again by `load`.

    Raises:
        EdgeError: settings, models or inputs are wrong, or a thread is stuck.
    """
    rounds = Rounds(settings, partial(_load_checked, load))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: rounds.end())
    signal.signal(signal.SIGHUP, lambda *_: rounds.request())
    for current in rounds:
        with ExitStack() as stack:
            _watch(current, rounds, stack)


def _load_checked(load: Callable[[], Settings]) -> Settings:
    """Return new settings once all that they name has been found good."""
    settings = load()
    broker_of(settings.mqtt, "")
    load_models(settings, profile="live")
    return settings


def _watch(settings: Settings, rounds: Rounds, stack: ExitStack) -> None:
    """Open what the settings name, in the order of the walk, and walk; what was opened last closes first."""
    stop = rounds.stop
    manager, banner, console = ServiceManager(), Banner(), Console()
    broker = broker_of(settings.mqtt, f"maskwatch-{device_name(settings.device)}-{settings.camera.name}")
    models = load_models(settings, profile="live")
    source = open_source(settings.camera, small_px=models.detector_px, stop=stop)
    stack.callback(source.close)
    lens, vitals, timings = (
        LensHealth(patience_s=settings.camera.lens_s, moved_s=settings.camera.moved_s),
        Vitals(),
        Timings(),
    )
    outbox = Outbox(_outbox_path(settings), limit=settings.mqtt.queue, monotonic=time.monotonic)
    report = Report(source, vitals, lens, outbox, models.specs["mask"], lambda: rounds.problem)
    publisher = _publisher(settings, broker, models, report, stack)
    view = _View(lambda: report.status(publisher.state), lambda: banner.text)
    sinks: list[Sink] = [
        _notifier(settings, banner),
        lens,
        publisher,
        *_viewers(settings, view, console, stop, stack),
        vitals,
    ]
    stages = build_stages(settings, models, timings, every_frame=False)
    stages = replace(stages, classify=lens.unsure_while_blind(stages.classify))
    manager.ready()
    stack.callback(manager.stopping)
    if settings.show.terminal != "off":
        _greet(console, broker)
    timed = [timings.timed_sink(sink) for sink in sinks]
    started_at = time.monotonic()

    def beat() -> None:
        manager.beat(view.status)
        rounds.check()

    pipeline.run(source, stages, timed, stop=stop, beat=beat)
    if settings.show.terminal != "off":
        console.print(timings.table(frames=vitals.frames, elapsed_s=time.monotonic() - started_at))


@dataclass(frozen=True, slots=True)
class _View:
    """What viewers show beside the picture."""

    status: Callable[[], str]
    banner: Callable[[], str]


def _publisher(settings: Settings, broker: Broker, models: Models, report: Report, stack: ExitStack) -> Publisher:
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
    publisher = Publisher(broker, sender, report, models.specs, stats_s=settings.mqtt.stats_s)
    stack.callback(publisher.close)
    publisher.start()
    return publisher


def _viewers(settings: Settings, view: _View, console: Console, stop: threading.Event, stack: ExitStack) -> list[Sink]:
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


def _notifier(settings: Settings, banner: Banner) -> Notifier:
    announcers: list[Announcer] = [banner] if settings.notice.banner else []
    if settings.notice.banner and sys.stderr.isatty():
        announcers.append(Bell(sys.stderr, repeat_s=settings.notice.repeat_s))
    return Notifier(settings.notice.phrase, announcers, hold_s=settings.notice.hold_s)


def _greet(console: Console, broker: Broker) -> None:
    console.print(
        f"alerts:   mosquitto_sub -h {broker.host} -p {broker.port} -V 311 -t 'maskwatch/#' -v", soft_wrap=True
    )
    console.print("      or: maskwatch watch     preview: maskwatch view     stop: Ctrl-C", soft_wrap=True)


def _outbox_path(settings: Settings) -> Path | None:
    """Return where alerts wait: the setting, else the state folder of the service or of the user; None: memory."""
    if settings.mqtt.outbox == "memory":
        return None
    if settings.mqtt.outbox:
        return Path(settings.mqtt.outbox)
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    state_home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    return (Path(folder) if folder else state_home / "maskwatch") / f"outbox-{settings.camera.name}.db"
