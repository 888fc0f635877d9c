"""Metrics of the state of device, camera, broker and outbox, taken from the statistics when Prometheus asks."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from edge import __version__
from edge.capture import CameraState
from edge.monitor.host import throttled, written_bytes
from edge.monitor.lens import LensState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from enum import Enum

    from prometheus_client.core import Metric

    from edge.tflite import ModelSpec

_GAUGES = {
    "temperature_c": ("temperature_celsius", "Temperature of the hottest zone of the machine."),
    "rss_bytes": ("resident_memory_bytes", "Memory that the process uses."),
    "uptime_s": ("uptime_seconds", "Age of the process."),
    "drift.accuracy": ("drift_accuracy_ratio", "Accuracy of the verdicts, estimated without labels."),
    "drift.distance": ("drift_distance_ratio", "Farthest quantity of the last window, 1 being the limit of chance."),
    "outbox.waiting": ("outbox_waiting_alerts", "Alerts that no broker has acknowledged yet."),
}
_COUNTERS = {
    "drift.windows": ("drift_windows", "Windows of faces that were compared."),
    "reopened": ("camera_reopened", "How often the camera was opened again."),
    "outbox.dropped": ("outbox_dropped_alerts", "Alerts that were lost before a broker had them."),
    "broker.connections": ("broker_connections", "Connections to the broker since the start or the last reload."),
    "broker.ignored": ("broker_ignored_messages", "Messages from the broker that were of no use."),
    "commands.taken": ("commands_accepted", "Remote commands that were accepted."),
    "commands.refused": ("commands_refused", "Remote commands that were refused."),
}
"""By key in the statistics: name without prefix, and text. A figure that the machine does not have is left out."""
_SHADOW = {
    "compared": ("shadow_compared", "Faces on which a challenger was compared with the champion."),
    "agreed": ("shadow_agreed", "Faces on which both agreed."),
    "crashes": ("shadow_crashes", "How often the challenger's process ended or hung."),
    "cpu_s": ("shadow_cpu_seconds", "Processor time that the comparison used since the start or the last reload."),
}
"""Likewise, by kind of model."""


class Reported(Protocol):
    """What a run reports of itself; safe on any thread."""

    @property
    def state(self) -> str:
        """The state of the connection to the broker."""
        ...

    @property
    def models(self) -> Mapping[str, ModelSpec]:
        """The models in force, by kind."""
        ...

    def stats(self) -> dict[str, Any]:
        """Return the statistics."""
        ...

    def problems(self) -> dict[str, str]:
        """Return all problems by name, empty where there is none."""
        ...


class StateMetrics(Collector):
    """Collects the state; runs on the exporter's thread, and only reads."""

    def __init__(self, reported: Callable[[], Reported], monotonic: Callable[[], float] = time.monotonic) -> None:
        """Read at each collection what `reported` returns."""
        self._reported, self._monotonic = reported, monotonic
        self._empty_at = monotonic()

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: to be registered, it need not be collected."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        reported = self._reported()
        stats, problems = flat(reported.stats()), reported.problems()
        yield from _figures(stats)
        yield self._outbox_age(stats["outbox.waiting"])
        yield from _shadow(stats)
        yield _dropped(stats)
        yield _states("camera_state", "State of the camera: 1 for the one in force.", CameraState, stats["camera"])
        lens = problems["lens"] or LensState.OK.value
        yield _states("lens_state", "State of the lens: 1 for the one in force.", LensState, lens)
        text = "Whether the broker is connected and accepts everything."
        yield GaugeMetricFamily("maskwatch_broker_connected", text, float(reported.state == "online"))
        yield _problems(problems)
        yield from _host()
        yield _models(reported.models)
        yield InfoMetricFamily("maskwatch_build", "Version of maskwatch.", {"version": __version__})

    def _outbox_age(self, waiting: int) -> Metric:
        """Return the time since a collection found the outbox empty."""
        if not waiting:
            self._empty_at = self._monotonic()
        text = "Time since a collection of these metrics found the outbox empty."
        return GaugeMetricFamily("maskwatch_outbox_age_seconds", text, self._monotonic() - self._empty_at)


def _figures(stats: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield what the statistics have as plain numbers."""
    for key, (name, text) in _GAUGES.items():
        if stats.get(key) is not None:
            yield GaugeMetricFamily(f"maskwatch_{name}", text, stats[key])
    for key, (name, text) in _COUNTERS.items():
        if key in stats:
            yield CounterMetricFamily(f"maskwatch_{name}", text, stats[key])


def _shadow(stats: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield the counts of the comparison with a challenger; nothing while there is none."""
    kinds = [kind for kind in ("mask", "face") if f"shadow_{kind}.compared" in stats]
    for key, (name, text) in _SHADOW.items() if kinds else ():
        metric = CounterMetricFamily(f"maskwatch_{name}", text, labels=["kind"])
        for kind in kinds:
            metric.add_metric([kind], stats[f"shadow_{kind}.{key}"])
        yield metric


def flat(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested statistics with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in stats.items():
        found |= {f"{key}.{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: value}
    return found


def _dropped(stats: Mapping[str, Any]) -> Metric:
    """Return the frames that were read and not processed, by cause."""
    metric = CounterMetricFamily(
        "maskwatch_frames_dropped",
        "Frames that were not processed: replaced by a newer one, or damaged.",
        labels=["cause"],
    )
    for cause, key in (("replaced", "dropped"), ("damaged", "damaged")):
        metric.add_metric([cause], stats.get(key, 0))
    return metric


def _states(name: str, text: str, states: type[Enum], state: str) -> Metric:
    metric = GaugeMetricFamily(f"maskwatch_{name}", text, labels=["state"])
    for each in states:
        metric.add_metric([each.value], float(each.value == state))
    return metric


def _problems(problems: Mapping[str, str]) -> Metric:
    metric = GaugeMetricFamily("maskwatch_problem", "Whether there is a problem, by its topic's name.", labels=["id"])
    for name, text in problems.items():
        metric.add_metric([name], float(bool(text)))
    return metric


def _host() -> Iterator[Metric]:
    """Yield what the statistics do not have: processor time, writes, and throttling of a Raspberry Pi."""
    yield CounterMetricFamily("maskwatch_cpu_seconds", "Processor time of the process.", time.process_time())
    yield GaugeMetricFamily(
        "maskwatch_load_ratio", "Load of the machine per core.", os.getloadavg()[0] / (os.cpu_count() or 1)
    )
    if (written := written_bytes()) is not None:
        yield CounterMetricFamily(
            "maskwatch_disk_written_bytes", "Bytes that the process had written to disk.", written
        )
    if (causes := throttled()) is not None:
        metric = GaugeMetricFamily(
            "maskwatch_throttled", "Whether the processor is slowed down, by cause.", labels=["cause"]
        )
        for cause, active in causes.items():
            metric.add_metric([cause], float(active))
        yield metric


def _models(models: Mapping[str, ModelSpec]) -> Metric:
    metric = GaugeMetricFamily("maskwatch_model_info", "Models in force.", labels=["kind", "name", "version", "sha256"])
    for kind, spec in models.items():
        metric.add_metric([kind, spec.name, spec.version, spec.sha256], 1)
    return metric
