"""Metrics that are counted scene by scene, for Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from edge.data import EventType, Mask, NoticeState

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Scene

_STAGE_S = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""From bookkeeping to the slowest detector on a Pi."""
_AGE_S = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0)
_ALERT_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0)
"""From a stage of one frame to an outage of the broker."""
_CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


class SceneMetrics:
    """Sink that counts what scenes bring; in aggregate mode nothing about people.

    registry: what an exporter reads.
    """

    def __init__(self, *, people: bool, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start at 0; `people`: count faces, verdicts, alerts and notices as well."""
        self.registry = CollectorRegistry()
        self._people = PeopleMetrics(self.registry) if people else None
        self._last_at = monotonic()
        self._frames = self._counter("frames", "Frames that were processed.")
        self._gaps = self._counter("gaps", "Moments in which the camera gave no frame.")
        self._age = Histogram(
            "maskwatch_frame_age_seconds",
            "Time from reading a frame to its decision.",
            buckets=_AGE_S,
            registry=self.registry,
        )
        self._stages = Histogram(
            "maskwatch_stage_duration_seconds",
            "Time that a stage took for one frame.",
            ["stage"],
            buckets=_STAGE_S,
            registry=self.registry,
        )
        last = Gauge("maskwatch_last_frame_age_seconds", "Time since the last frame.", registry=self.registry)
        last.set_function(lambda: monotonic() - self._last_at)

    def put(self, scene: Scene) -> None:
        """Count a scene."""
        if scene.frame is None:
            self._gaps.inc()
        else:
            self._frames.inc()
            self._last_at = scene.decided_at
            self._age.observe(scene.decided_at - scene.frame.read_at)
        if self._people:
            self._people.put(scene)

    def observe(self, stage: str, took_s: float) -> None:
        """Count the time of one call of a stage."""
        self._stages.labels(stage).observe(took_s)

    def observe_delivery(self, took_s: float) -> None:
        """Count the time from the decision on an alert to the acknowledgement of the broker."""
        if self._people:
            self._people.observe_alert("publish", took_s)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"maskwatch_{name}", text, registry=self.registry)


class PeopleMetrics:
    """Sink that counts faces, verdicts, episodes and notices; no metric identifies anybody."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics, with every label at 0."""
        self._notice = NoticeState.OFF
        self._faces = Counter("maskwatch_faces", "Faces that were found.", registry=registry)
        self._verdicts = Counter("maskwatch_verdicts", "Classified faces by verdict.", ["verdict"], registry=registry)
        self._confidences = Histogram(
            "maskwatch_verdict_confidence_ratio",
            "Confidence of the verdicts.",
            buckets=_CONFIDENCES,
            registry=registry,
        )
        self._visible = Gauge("maskwatch_people_visible", "People in sight by label.", ["label"], registry=registry)
        self._open = Gauge("maskwatch_episodes_open", "Episodes that are open.", registry=registry)
        self._alerts = Counter("maskwatch_alerts", "Alerts by type.", ["type"], registry=registry)
        self._alert_stages = Histogram(
            "maskwatch_alert_stage_duration_seconds",
            "Time that an alert took in a stage, from the exposure of its frame to the broker.",
            ["stage"],
            buckets=_ALERT_S,
            registry=registry,
        )
        self._notices = Counter("maskwatch_notices", "Notices by state.", ["state"], registry=registry)
        for mask in Mask:
            self._verdicts.labels(mask.value)
        for event in EventType:
            self._alerts.labels(event.value)
        for state in (NoticeState.ON, NoticeState.THANKS):
            self._notices.labels(state.value)

    def put(self, scene: Scene) -> None:
        """Count a scene."""
        self._faces.inc(0 if scene.skipped else len(scene.faces))
        for mask, confidence in zip(scene.verdicts.masks, scene.verdicts.confidences.tolist(), strict=True):
            self._verdicts.labels(mask.value).inc()
            self._confidences.observe(confidence)
        labels = [track.mask for track in scene.visible]
        for mask in Mask:
            self._visible.labels(mask.value).set(labels.count(mask))
        self._open.set(len(scene.episodes))
        for alert in scene.alerts:
            self._alerts.labels(alert.event_type.value).inc()
            times = scene.times.of_alert() if scene.times else {}
            for stage, took_s in (*times.items(), ("dwell", alert.dwell_s)):
                self.observe_alert(stage, took_s)
        if scene.notice.state is not self._notice:
            self._notice = scene.notice.state
            if self._notice is not NoticeState.OFF:
                self._notices.labels(self._notice.value).inc()

    def observe_alert(self, stage: str, took_s: float | None) -> None:
        """Count the time of an alert in a stage; None: it took no part."""
        if took_s is not None:
            self._alert_stages.labels(stage).observe(took_s)
