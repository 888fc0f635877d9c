"""Joins drift: the reference of the mask model in force, what is known of the place, and what is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.app.mqtt import state_of
from edge.clock import Clock
from edge.monitor.drift.monitor import DriftMonitor
from edge.monitor.drift.reference import read_reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.app.components import Components
    from edge.settings.schema import Settings
    from edge.stages import Models

TOPIC = "drift"


def build_drift(settings: Settings, models: Models, keep: Components) -> tuple[DriftMonitor, ...]:
    """Return the sink that watches for drift; none where it is off, and in aggregate mode, which observes nobody.

    Raises:
        ModelError: the reference of the mask model is damaged, or of another model.
    """
    if not settings.drift.enabled or settings.privacy.aggregate:
        return ()
    mask, face = models.specs["mask"], models.specs["face"]
    reference = read_reference(models.folders["mask"], mask.sha256) if "mask" in models.folders else None
    folder = state_of(settings)
    path = folder / f"drift-{settings.camera.name}.npz" if folder else None
    key = (mask.sha256, face.sha256, path, settings.drift, settings.camera)
    persist_s = settings.drift.persist_h * 3600
    monitor = keep(
        TOPIC,
        key,
        lambda: DriftMonitor(reference, face.sha256, persist_s=persist_s, hour=Clock().hour, path=path),
        DriftMonitor.close,
    )
    return (monitor,)


def drift_reports(monitors: tuple[DriftMonitor, ...]) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what is published of drift, by topic."""
    return {TOPIC: monitors[0].report} if monitors else {}


def drift_problem(monitors: tuple[DriftMonitor, ...]) -> str:
    """Return the problem, empty while there is none."""
    return next((monitor.problem for monitor in monitors if monitor.problem), "")


def drift_stats(monitors: tuple[DriftMonitor, ...]) -> dict[str, dict[str, Any]]:
    """Return the statistics of drift."""
    return {TOPIC: monitors[0].stats()} if monitors else {}
