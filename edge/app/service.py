"""The composition root: opens what the settings name, in the order of the walk, and goes on while they change."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from edge.app.components import Components
from edge.app.mqtt import ProcessState, build_publisher, outbox_path
from edge.app.notice import Nearby, build_notifier
from edge.app.reload import Reload
from edge.app.validation import check
from edge.app.viewers import Shown, build_image_redaction, build_scene, build_viewers
from edge.app.web import build_page, page_sources
from edge.capture import CameraState
from edge.capture.spec import open_source, wants_small
from edge.distance.proximity import someone_near
from edge.errors import EdgeError
from edge.monitor.lens import LensHealth, LensState
from edge.monitor.status import StatusReport
from edge.monitor.timings import Timings, Vitals
from edge.pipeline import Loop, Parts
from edge.plugins import close_sinks, open_sinks
from edge.privacy.zones import PrivacyZones
from edge.publish.access import how_to_subscribe
from edge.publish.message import Clock
from edge.settings.load import lay_over
from edge.stages import build_stages, counting, people_of
from edge.systemd import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.app.validation import Validated
    from edge.app.viewers import ImageRedaction
    from edge.capture import WatchedSource
    from edge.data import Image, Scene
    from edge.pipeline import Sink, Stages
    from edge.plugins import PluginSink
    from edge.publish.publisher import Publisher
    from edge.settings.schema import Settings


def watch(settings: Settings, load: Callable[[], Settings]) -> None:
    """Watch until the source ends, or SIGINT or SIGTERM comes; SIGHUP reads the settings again by `load`.

    Raises:
        EdgeError: settings, models or inputs are wrong, or a thread is stuck.
    """
    stop, manager, reload = threading.Event(), ServiceManager(), Reload(partial(_load_checked, load))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: reload.request())
    reload.checked = check(settings)
    with Components() as keep:
        run = _Run(keep, stop, reload)
        manager.ready()
        try:
            while not stop.is_set() and run.loop.step():
                manager.beat(run.status)
                if reload.due():
                    manager.reloading()
                    run.renew()
                    manager.reloaded()
        finally:
            manager.stopping()
            run.end()


def _load_checked(load: Callable[[], Settings], changes: Mapping[str, object], before: Validated) -> Validated:
    """Return new settings, commands laid over them, once all that they name has been found good."""
    return check(lay_over(load(), changes, "command"), before)


def _place(settings: Settings) -> tuple[object, ...]:
    """Return by what the picture is known: another camera or zone shows another place."""
    return settings.camera, settings.privacy.no_look


def _company(settings: Settings) -> tuple[object, ...]:
    """Return by what people and their episodes are known: who is seen where, published as whose, kept in which file."""
    return (
        _place(settings),
        settings.device.name,
        settings.privacy.aggregate,
        outbox_path(settings),
        settings.mqtt.queue,
    )


class _Run:
    """What is in force, and how it is composed of parts that outlive it; those parts ask here for what changes."""

    _lens: LensHealth
    _report: StatusReport
    _publisher: Publisher
    _leaving: ImageRedaction

    def __init__(self, keep: Components, stop: threading.Event, reload: Reload) -> None:
        """Open what the settings name; `stop` is set by a window that is closed."""
        self._keep, self._stop, self._reload = keep, stop, reload
        self._console, self._vitals, self._timings = Console(), Vitals(), Timings()
        self._lasting, self._started_at = ProcessState(), time.monotonic()
        self._nearby = Nearby(switch=self._lasting.notice)
        self._shown = Shown(self.status, self._nearby)
        self.loop = Loop(keep.compose(partial(self._parts, reload.checked)))
        if self._tells:
            _greet(self._console, how_to_subscribe(reload.checked.settings.mqtt, self._publisher.broker))

    def status(self) -> str:
        """Return the status line."""
        return self._report.line(self._publisher.state, self._publisher.problems())

    def renew(self) -> None:
        """Read the settings again, and go on with them from the next frame where they are right."""
        before, checked = self._reload.checked, self._reload.read()
        if checked is None:
            return
        if _company(checked.settings) != _company(before.settings):
            self.loop.end()
        try:
            parts = self._keep.compose(partial(self._parts, checked))
            self._reload.accept(checked)
        except EdgeError as error:
            self._reload.refuse(error)
            parts = self._keep.compose(partial(self._parts, before))
        self.loop.exchange(parts)

    def end(self) -> None:
        """End every open episode, and print where the time went."""
        try:
            self.loop.end()
        finally:
            if self._reload.checked.settings.show.timings:
                elapsed_s = time.monotonic() - self._started_at
                self._console.print(self._timings.table(frames=self._vitals.frames, elapsed_s=elapsed_s))

    @property
    def _tells(self) -> bool:
        return self._reload.checked.settings.show.terminal != "off"

    def _parts(self, checked: Validated) -> Parts:
        """Compose what the settings name, in the order of a frame; parts whose settings are the same are kept."""
        settings, models, keep = checked.settings, checked.models, self._keep
        plugins = self._plugin_sinks(settings)
        source = self._source(checked)
        self._lens = self._lens_health(settings)
        self._report = self._status_report(checked, source, plugins)
        self._leaving = build_image_redaction(settings, _place(settings), keep)
        self._publisher = build_publisher(
            settings,
            checked.broker,
            models.specs,
            self._report,
            self._lasting,
            self._reload.change,
            self._leaving.snapshot,
            keep,
        )
        sinks: list[Sink] = [self._lens, self._publisher, *self._leaving.sinks, self._vitals]
        if not settings.privacy.aggregate:
            sinks = [self._notifier(settings), *sinks, *self._viewers(checked), *plugins]
        return Parts(source, self._stages(checked), [self._timings.timed_sink(sink) for sink in sinks])

    def _source(self, checked: Validated) -> WatchedSource:
        """Return the source; what lies in a no-look zone is painted over before anything sees it."""
        settings, size_px = checked.settings, checked.models.detector_px
        paint = PrivacyZones(settings.privacy.no_look)
        return self._keep(
            "camera",
            (_place(settings), size_px if wants_small(settings.camera) else None),
            lambda: open_source(settings.camera, small_px=size_px, stop=threading.Event(), paint=paint),
            lambda source: source.close(),
        )

    def _lens_health(self, settings: Settings) -> LensHealth:
        camera = settings.camera
        return self._keep(
            "lens", _place(settings), lambda: LensHealth(patience_s=camera.lens_s, moved_s=camera.moved_s)
        )

    def _status_report(
        self, checked: Validated, source: WatchedSource, plugins: tuple[PluginSink, ...]
    ) -> StatusReport:
        """Collect the parts that report problems and counters."""
        lens, fine = self._lens, (CameraState.OK, CameraState.OPENING)
        checks = {
            "camera": lambda: "" if source.state in fine else f"{source.state.value}: {source.detail}",
            "lens": lambda: "" if lens.state is LensState.OK else lens.state.value,
            "settings": lambda: self._reload.problem,
            "notice": lambda: self._nearby.troubles.text,
            "plugin": lambda: next((sink.problem for sink in plugins if sink.problem), ""),
        }
        model = checked.models.specs["mask"].name
        return StatusReport(self._vitals, model, checks, lambda: {"camera": source.state.value, **source.counts})

    def _stages(self, checked: Validated) -> Stages:
        """Return the stages; nobody is judged through a blind lens, and no alert is raised by a mere count."""
        settings = checked.settings
        people = self._keep("people", _company(settings), lambda: people_of(settings))
        people.adopt(settings)
        stages = build_stages(settings, checked.models, self._timings, every_frame=False, people=people)
        stages = replace(stages, classify=self._lens.unsure_while_blind(stages.classify))
        return counting(stages) if settings.privacy.aggregate else stages

    def _notifier(self, settings: Settings) -> Sink:
        wanted = partial(_wanted, near_m=settings.notice.near_m)
        return build_notifier(settings.notice, self._nearby, self._publisher, Clock().wall, self._keep, wanted=wanted)

    def _viewers(self, checked: Validated) -> list[Sink]:
        settings, shown, keep = checked.settings, self._shown, self._keep
        scene = build_scene(settings, shown, keep)
        day = page_sources(settings, self._report, self._publisher, checked.models.specs)
        viewers = build_viewers(settings, shown, scene, self._console, self._stop, keep)
        page = build_page(settings, shown, day, self._pixelated, scene.path, keep)
        return [scene, *viewers, *page]

    def _plugin_sinks(self, settings: Settings) -> tuple[PluginSink, ...]:
        """Return the sinks of other packages; none while only shares of many people are published."""
        if settings.privacy.aggregate:
            return ()
        return self._keep("plugin sinks", settings, lambda: open_sinks(settings), close_sinks)

    def _pixelated(self, scene: Scene) -> Image | None:
        return self._leaving.pixelation.image(scene)


def _wanted(scene: Scene, near_m: float) -> bool:
    """Return whether a notice is wanted: always, or only while somebody stands near, as `notice.near_m` says."""
    return not near_m or someone_near(scene, near_m)


def _greet(console: Console, alerts: str) -> None:
    console.print(f"alerts:   {alerts}", soft_wrap=True, markup=False, highlight=False)
    console.print("      or: maskwatch watch     preview: maskwatch view     stop: Ctrl-C", soft_wrap=True)
