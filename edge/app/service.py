"""The composition root: opens what the settings specify, in the order of the walk, and runs it while they change."""

from __future__ import annotations

import logging
import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from edge.app.acceleration import accelerate, device_freed
from edge.app.components import Components
from edge.app.drift import build_drift, drift_of, drift_problem, drift_reports, drift_stats
from edge.app.history import build_history, history_file, history_problem
from edge.app.mqtt import ProcessState, build_publisher
from edge.app.notice import build_notice_outputs, build_notice_policy
from edge.app.reload import Reload
from edge.app.shadow import build_shadow, reports_of, stats_of
from edge.app.trial import on_trial
from edge.app.validation import check
from edge.app.viewers import WithoutNotice, build_image_redaction, build_scene, build_viewers
from edge.app.walk import build_lens_health, build_source, build_walk, people_key, view_key
from edge.app.web import build_page, page_sources
from edge.capture import CameraState
from edge.clock import Clock, utc
from edge.errors import EdgeError
from edge.monitor.governor import Governor
from edge.monitor.lens import LensState
from edge.monitor.status import StatusReport
from edge.monitor.timings import Timings, Vitals
from edge.notice.problems import Problems
from edge.pipeline import Loop, Parts
from edge.plugins import close_sinks, open_sinks
from edge.publish.access import how_to_subscribe
from edge.settings.load import lay_over
from edge.systemd import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edge.app.trial import Trial
    from edge.app.validation import Validated
    from edge.app.viewers import ImageRedaction
    from edge.capture import WatchedSource
    from edge.data import Image, Scene
    from edge.history.log import HistoryLog
    from edge.monitor.drift.monitor import DriftMonitor
    from edge.monitor.lens import LensHealth
    from edge.monitor.shadow import Shadow
    from edge.pipeline import Sink
    from edge.plugins import PluginSink
    from edge.publish.publisher import Publisher
    from edge.settings.perception import DetectorSettings
    from edge.settings.schema import Environment, Settings

log = logging.getLogger(__name__)


def run_service(
    settings: Settings, environment: Environment, load: Callable[[], Settings], more: Sequence[Sink] = ()
) -> bool:
    """Run until the source ends, or SIGINT or SIGTERM comes; SIGHUP reads the settings again by `load`.

    Return whether the source has ended. The models in force are those of the start; new ones are put on trial.

    more: sinks in addition to those that the settings specify.

    Raises:
        EdgeError: settings, models or inputs are wrong, or a thread is stuck.
    """
    stop, governor = threading.Event(), Governor()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with on_trial(settings.models) as trial:
        reload = Reload(partial(_load_checked, load, governor.profile_of))
        signal.signal(signal.SIGHUP, lambda *_: reload.request())
        profile, models = governor.profile_of, trial.models
        reload.checked = check(settings, environment, profile_of=profile, accelerate=accelerate, models=models)
        _warn_of_the_clock(Clock())
        _run(stop, reload, governor, trial, more)
    return not stop.is_set()


def _run(stop: threading.Event, reload: Reload, governor: Governor, trial: Trial, more: Sequence[Sink]) -> None:
    """Open the parts, and run them until the end."""
    manager = ServiceManager()
    with Components() as keep, device_freed(reload):
        service = _Service(keep, stop, reload, governor, [*more, trial], trial.names)
        manager.ready()
        try:
            while not stop.is_set() and service.loop.step():
                manager.beat(service.status)
                if governor.asks():
                    reload.request()
                if reload.due():
                    service.renew(manager)
        finally:
            manager.stopping()
            service.end()


def _warn_of_the_clock(clock: Clock) -> None:
    """Log a clock that was not set since power-on; a device without a network must work all the same."""
    if not clock.is_set():
        now = utc(clock.wall())
        log.warning("clock: it is %s, before the release: alerts carry clock_synced=false until it is set", now)


def _load_checked(
    load: Callable[[], Settings],
    profile_of: Callable[[DetectorSettings], str],
    changes: Mapping[str, object],
    before: Validated,
) -> Validated:
    """Return new settings, with commands laid over them, once everything that they specify has been checked."""
    return check(lay_over(load(), changes, "command"), before.environment, before, profile_of, accelerate)


class _Service:
    """The parts in force; a component that outlives a reload asks here for what the reload replaces."""

    _report: StatusReport
    _publisher: Publisher
    _redaction: ImageRedaction

    def __init__(
        self,
        keep: Components,
        stop: threading.Event,
        reload: Reload,
        governor: Governor,
        more: Sequence[Sink],
        aliases: Mapping[str, str],
    ) -> None:
        """Open what the settings specify; a window that is closed sets `stop`. aliases: of the model store."""
        self._keep, self._stop, self._reload, self._governor, self._more = keep, stop, reload, governor, more
        self._console, self._vitals, self._timings = Console(), Vitals(), Timings()
        self._started_at = time.monotonic()
        self._process = ProcessState(build_notice_policy(reload.checked.settings.notice), aliases)
        self._notice_problems = Problems()
        self.loop = Loop(keep.compose(partial(self._parts, reload.checked)))
        governor.log_choice()
        if reload.checked.settings.show.terminal != "off":
            _print_hints(self._console, how_to_subscribe(reload.checked.settings.mqtt, self._publisher.broker))

    def status(self) -> str:
        """Return the status line."""
        return self._report.line(self._publisher.state, self._publisher.problems())

    def renew(self, manager: ServiceManager) -> None:
        """Use new settings from the next frame on where they are valid, and notify the service manager."""
        manager.reloading()
        self._renew()
        manager.reloaded()

    def _renew(self) -> None:
        before, checked = self._reload.checked, self._reload.read()
        if checked is None:
            return
        if people_key(checked.settings) != people_key(before.settings):
            self.loop.end()
        try:
            parts = self._keep.compose(partial(self._parts, checked))
            self._reload.accept(checked)
            self._governor.log_choice()
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

    def _parts(self, checked: Validated) -> Parts:
        """Compose what the settings specify, in the order of a frame; what stays the same is kept."""
        settings, keep = checked.settings, self._keep
        plugins = self._plugin_sinks(settings)
        source, lens = build_source(checked, keep), build_lens_health(settings, keep)
        self._governor.adopt(settings.detector)
        stages = build_walk(checked, lens, self._process.notice, self._governor, self._timings, keep)
        self._redaction = build_image_redaction(settings, view_key(settings), keep)
        shadows = build_shadow(settings, checked.models, lens, keep)
        drift, history = build_drift(settings, checked.models, keep), build_history(settings, keep)
        self._report = self._status_report(checked, source, lens, plugins, shadows, drift, history)
        self._publisher = build_publisher(
            settings,
            checked.broker,
            checked.models,
            self._report,
            self._process,
            self._reload.change,
            self._redaction.snapshot,
            reports_of(shadows) | drift_reports(drift),
            keep,
        )
        sinks = [*self._sinks(checked, lens, plugins, drift), *drift, *history, *shadows]
        return Parts(source, stages, [self._timings.timed_sink(sink) for sink in sinks])

    def _sinks(
        self,
        checked: Validated,
        lens: LensHealth,
        plugins: Sequence[PluginSink],
        drift: tuple[DriftMonitor, ...],
    ) -> list[Sink]:
        """Return what each scene is given to, in this order: local notice first."""
        settings = checked.settings
        sinks: list[Sink] = [
            lens,
            self._publisher,
            *self._redaction.sinks,
            self._vitals,
            self._governor,
            *self._metrics(settings),
            *self._more,
        ]
        if settings.privacy.aggregate:
            return sinks
        notices = build_notice_outputs(settings.notice, self._notice_problems, self._keep)
        return [*notices, *sinks, *self._viewers(checked, drift), *plugins]

    def _metrics(self, settings: Settings) -> list[Sink]:
        """Return the sink that counts for Prometheus, where the settings ask for metrics."""
        if not (settings.metrics.port or settings.metrics.textfile):
            self._timings.observe = self._publisher.delivery_times.observe = None
            return []
        from edge.app.metrics import build_metrics  # noqa: PLC0415 - a run without metrics loads nothing for them

        scenes = build_metrics(settings, lambda: self._publisher, self._keep)
        self._timings.observe = scenes.observe
        self._publisher.delivery_times.observe = scenes.observe_delivery
        return [scenes]

    def _status_report(
        self,
        checked: Validated,
        source: WatchedSource,
        lens: LensHealth,
        plugins: tuple[PluginSink, ...],
        shadows: tuple[Shadow, ...],
        drift: tuple[DriftMonitor, ...],
        history: tuple[HistoryLog, ...],
    ) -> StatusReport:
        """Return what collects the problems and the counters of the parts."""
        no_problem = (CameraState.OK, CameraState.OPENING)
        checks = {
            "camera": lambda: "" if source.state in no_problem else f"{source.state.value}: {source.detail}",
            "lens": lambda: "" if lens.state is LensState.OK else lens.state.value,
            "model": lambda: checked.models.problem,
            "drift": lambda: drift_problem(drift),
            "history": lambda: history_problem(history),
            "settings": lambda: self._reload.problem,
            "delegate": lambda: checked.models.acceleration.problem if checked.models.acceleration else "",
            "notice": lambda: self._notice_problems.text,
            "plugin": lambda: next((sink.problem for sink in plugins if sink.problem), ""),
        }
        model = checked.models.specs["mask"].name
        return StatusReport(self._vitals, model, checks, lambda: self._counters(source, shadows) | drift_stats(drift))

    def _counters(self, source: WatchedSource, shadows: tuple[Shadow, ...]) -> dict[str, object]:
        """Return what belongs to the statistics in addition to the vital signs."""
        governor = self._governor.stats()
        return {"camera": source.state.value, **source.counts, "governor": governor, **stats_of(shadows)}

    def _viewers(self, checked: Validated, drift: tuple[DriftMonitor, ...]) -> list[Sink]:
        """Return the sinks of everything that shows scenes, without the notice where `notice.banner` is off."""
        settings, keep = checked.settings, self._keep
        scene = build_scene(settings, self.status, keep)
        specs, watched = checked.models.specs, partial(drift_of, drift)
        day = page_sources(settings, self._report, self._publisher, specs, watched)
        viewers = build_viewers(settings, self.status, scene, self._console, self._stop, self._notice_problems, keep)
        page = build_page(settings, self.status, day, self._pixelated, scene.path, history_file(settings), keep)
        sinks = [scene, *viewers, *page]
        return sinks if settings.notice.banner else [WithoutNotice(sink) for sink in sinks]

    def _plugin_sinks(self, settings: Settings) -> tuple[PluginSink, ...]:
        """Return the sinks of other packages, which come last; none in aggregate mode, which hands out no scene."""
        if settings.privacy.aggregate:
            return ()
        return self._keep("plugin sinks", settings, lambda: open_sinks(settings), close_sinks)

    def _pixelated(self, scene: Scene) -> Image | None:
        return self._redaction.pixelation.image(scene)


def _print_hints(console: Console, alerts: str) -> None:
    console.print(f"alerts:   {alerts}", soft_wrap=True, markup=False, highlight=False)
    console.print("      or: maskwatch watch     preview: maskwatch view     stop: Ctrl-C", soft_wrap=True)
