"""Joins drift: the reference of the mask model in force, what is known of the place, and what is published."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from edge.app.mqtt import state_of
from edge.clock import Clock
from edge.errors import ModelError
from edge.monitor.drift.monitor import DriftMonitor
from edge.monitor.drift.reference import read_reference
from edge.privacy.zones import PrivacyZones

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.app.components import Components
    from edge.monitor.drift.reference import Reference
    from edge.settings.schema import Settings
    from edge.stages import Models

log = logging.getLogger(__name__)

TOPIC = "drift"


def build_drift(settings: Settings, models: Models, keep: Components) -> tuple[DriftMonitor, ...]:
    """Return the sink that watches for drift; none where it is off, and in aggregate mode, which observes nobody."""
    if not settings.drift.enabled or settings.privacy.aggregate:
        return ()
    mask, face = models.specs["mask"], models.specs["face"]
    reference = _reference(models)
    folder = state_of(settings)
    path = folder / f"drift-{settings.camera.name}.npz" if folder else None
    zones = settings.privacy.no_look
    key = (mask.sha256, face.sha256, path, settings.drift, settings.camera, zones)
    persist_s = settings.drift.persist_h * 3600
    paint = PrivacyZones(zones) if zones else None

    def watch() -> DriftMonitor:
        return DriftMonitor(reference, face.sha256, persist_s=persist_s, hour=Clock().hour, path=path, paint=paint)

    return (keep(TOPIC, key, watch, DriftMonitor.close),)


def _reference(models: Models) -> Reference | None:
    """Return the reference of the mask model; None, with a warning, where it cannot be used: the watch goes on."""
    if "mask" not in models.folders:
        return None
    try:
        return read_reference(models.folders["mask"], models.specs["mask"].sha256)
    except ModelError as error:
        log.warning("drift: no reference: %s", error)
        return None


def drift_reports(monitors: tuple[DriftMonitor, ...]) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what is published of drift, by topic."""
    return {TOPIC: monitors[0].report} if monitors else {}


def drift_of(monitors: tuple[DriftMonitor, ...]) -> dict[str, Any] | None:
    """Return what is published of drift; None where it is not watched."""
    return monitors[0].report() if monitors else None


def drift_problem(monitors: tuple[DriftMonitor, ...]) -> str:
    """Return the problem, empty while there is none."""
    return next((monitor.problem for monitor in monitors if monitor.problem), "")


def drift_stats(monitors: tuple[DriftMonitor, ...]) -> dict[str, dict[str, Any]]:
    """Return the statistics of drift."""
    return {TOPIC: monitors[0].stats()} if monitors else {}
