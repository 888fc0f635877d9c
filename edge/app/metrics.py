"""Joins the metrics: what scenes bring, the state of the parts, and where they are handed out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import disable_created_metrics

from edge.monitor.exporter import MetricsFile, MetricsPage
from edge.monitor.figures import StateMetrics
from edge.monitor.metrics import SceneMetrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.app.components import Components
    from edge.publish.publisher import Publisher
    from edge.settings.schema import Settings


def build_metrics(settings: Settings, publisher: Callable[[], Publisher], keep: Components) -> SceneMetrics:
    """Return the sink that counts, and hand out its metrics as the settings specify.

    publisher: returns the one in force. The counts stay through a reload.
    """
    metrics = settings.metrics
    people = not settings.privacy.aggregate
    scenes = keep("metrics", people, lambda: _registered(publisher, people=people))
    if metrics.port:
        page = (scenes, metrics.port)
        keep("metrics page", page, lambda: MetricsPage(metrics.port, scenes.registry), MetricsPage.close)
    if metrics.textfile:
        path = Path(metrics.textfile)
        keep("metrics file", (scenes, path), lambda: MetricsFile(path, scenes.registry), MetricsFile.close)
    return scenes


def _registered(publisher: Callable[[], Publisher], *, people: bool) -> SceneMetrics:
    """Return a sink whose registry also has the state of the publisher in force."""
    # a series more for each counter, which no query needs; the library leaves its function without a type
    disable_created_metrics()  # type: ignore[no-untyped-call]
    scenes = SceneMetrics(people=people)
    scenes.registry.register(StateMetrics(publisher))
    return scenes
