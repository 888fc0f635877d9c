"""The composition root: opens what the settings name, in the order of the walk, and walks."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from edge import pipeline
from edge.capture.spec import open_source
from edge.distance.near import metres, someone_near
from edge.distance.ruler import ruler_of
from edge.health import ServiceManager, Timings, Vitals
from edge.joined.nearby import Nearby, build_notifier
from edge.joined.outlets import Lasting, build_publisher, build_wishes, outbox_path
from edge.joined.stages import build_stages, counting, load_models
from edge.joined.viewers import Shown, build_leaving, build_scene, build_viewers
from edge.joined.webpage import build_page, check_page, page_sources
from edge.layers import lay_over
from edge.monitor.lens import LensHealth
from edge.privacy.zones import Blinkers
from edge.publish.access import how_to_subscribe
from edge.publish.broker import broker_of, device_name
from edge.publish.message import Clock
from edge.publish.outbox import Outbox
from edge.reload import Rounds
from edge.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.capture import WatchedSource
    from edge.data import Scene
    from edge.distance.ruler import Ruler
    from edge.joined.stages import Models
    from edge.pipeline import Sink, Stages
    from edge.publish.broker import Broker
    from edge.settings import Settings


def watch(settings: Settings, load: Callable[[], Settings]) -> None:
    """Watch until the source ends, or SIGINT or SIGTERM comes; SIGHUP reads the settings again by `load`.

    Raises:
        EdgeError: settings, models or inputs are wrong, or a thread is stuck.
    """
    rounds, lasting = Rounds(settings, partial(_load_checked, load)), Lasting()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: rounds.end())
    signal.signal(signal.SIGHUP, lambda *_: rounds.request())
    for current in rounds:
        with ExitStack() as stack:
            _watch(current, rounds, lasting, stack)


def _load_checked(load: Callable[[], Settings], changes: Mapping[str, object]) -> Settings:
    """Return new settings, commands laid over them, once all that they name has been found good."""
    settings = lay_over(load(), changes, "command")
    _broker(settings)
    check_page(settings)
    load_models(settings, profile="live")
    return settings


def _broker(settings: Settings) -> Broker:
    return broker_of(settings.mqtt, f"maskwatch-{device_name(settings.device)}-{settings.camera.name}")


def _watch(settings: Settings, rounds: Rounds, lasting: Lasting, stack: ExitStack) -> None:
    """Open what the settings name and walk; what was opened last closes first."""
    check_page(settings)
    manager, nearby, console = ServiceManager(), Nearby(switch=lasting.notice), Console()
    broker, models = _broker(settings), load_models(settings, profile="live")
    source, ruler = _source(settings, models, rounds), ruler_of(settings.distance, models.detector_px[0])
    stack.callback(source.close)
    report, leaving = _report(settings, source, models, rounds, nearby), build_leaving(settings)
    wishes = build_wishes(settings, lasting, rounds.change)
    publisher = build_publisher(settings, broker, models.specs, report, ruler, wishes, leaving.snapshot, stack)
    shown = Shown(lambda: report.status(publisher.state), nearby, partial(metres, ruler=ruler))
    sinks: list[Sink] = [report.lens, publisher, *leaving.sinks, report.vitals]
    if not settings.privacy.aggregate:
        wanted = partial(_wanted, settings=settings, ruler=ruler)
        notifier = build_notifier(settings.notice, nearby, publisher, Clock().wall, stack, wanted=wanted)
        sinks = [notifier, *sinks]
        scene, day = build_scene(settings, shown, stack), page_sources(settings, report, publisher, models.specs)
        sinks += [scene, *build_viewers(settings, shown, scene.path, console, rounds.stop, stack)]
        sinks += build_page(settings, shown, day, leaving, scene.path, stack)
    timings = Timings()
    stages = _stages(settings, models, timings, report)
    manager.ready()
    stack.callback(manager.stopping)
    if settings.show.terminal != "off":
        _greet(console, how_to_subscribe(settings.mqtt, publisher.broker))
        stack.callback(_tell_times, console, timings, report.vitals, time.monotonic())

    def beat() -> None:
        manager.beat(shown.status)
        rounds.check()

    pipeline.run(source, stages, [timings.timed_sink(sink) for sink in sinks], stop=rounds.stop, beat=beat)


def _source(settings: Settings, models: Models, rounds: Rounds) -> WatchedSource:
    """Return the source; what lies in a no-look zone is painted over before anything sees it."""
    paint = Blinkers(settings.privacy.no_look)
    return open_source(settings.camera, small_px=models.detector_px, stop=rounds.stop, paint=paint)


def _stages(settings: Settings, models: Models, timings: Timings, report: Report) -> Stages:
    """Return the stages; nobody is judged through a lens that does not see, and no alert is raised by a mere count."""
    stages = build_stages(settings, models, timings, every_frame=False)
    stages = replace(stages, classify=report.lens.unsure_while_blind(stages.classify))
    return counting(stages) if settings.privacy.aggregate else stages


def _wanted(scene: Scene, settings: Settings, ruler: Ruler) -> bool:
    """Return whether a notice is wanted: always, or only while somebody stands near, as `notice.near_m` says."""
    near_m = settings.notice.near_m
    return not near_m or someone_near(scene, ruler, near_m)


def _report(settings: Settings, source: WatchedSource, models: Models, rounds: Rounds, nearby: Nearby) -> Report:
    """Gather the parts that have something to tell."""
    lens = LensHealth(patience_s=settings.camera.lens_s, moved_s=settings.camera.moved_s)
    outbox = Outbox(outbox_path(settings), limit=settings.mqtt.queue, monotonic=time.monotonic)
    problems = (lambda: rounds.problem), (lambda: nearby.troubles.text)
    return Report(source, Vitals(), lens, outbox, models.specs["mask"], *problems)


def _greet(console: Console, alerts: str) -> None:
    console.print(f"alerts:   {alerts}", soft_wrap=True, markup=False, highlight=False)
    console.print("      or: maskwatch watch     preview: maskwatch view     stop: Ctrl-C", soft_wrap=True)


def _tell_times(console: Console, timings: Timings, vitals: Vitals, started_at: float) -> None:
    console.print(timings.table(frames=vitals.frames, elapsed_s=time.monotonic() - started_at))
