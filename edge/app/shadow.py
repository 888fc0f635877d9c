"""Joins the shadow: which other models there are, what is compared, and where the counts are kept."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge import paths
from edge.app.components import stamp
from edge.errors import EdgeError, ModelError
from edge.monitor.budget import Budget
from edge.monitor.comparison import Comparison
from edge.monitor.shadow import Cropping, Shadow
from edge.monitor.shadow_counts import counts_file, keep_counts, kept_counts
from edge.monitor.shadow_jobs import ShadowProcess
from edge.registry import BUILT_IN
from edge.registry.active import store_of
from edge.tflite import read_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edge.app.components import Components
    from edge.monitor.lens import LensHealth
    from edge.settings.schema import Settings
    from edge.stages import Models
    from edge.tflite import ModelSpec

log = logging.getLogger(__name__)

TOPIC = "model/compare"
_PROFILES = ("live", "balanced", "quality")
_WORKER = ("-m", "edge.app.shadow_worker")


@dataclass(frozen=True, slots=True)
class Rivals:
    """Two different models of a kind: their folders and their specifications, the champion first."""

    kind: str
    folders: tuple[Path, Path]
    specs: tuple[ModelSpec, ModelSpec]

    @property
    def key(self) -> object:
        """By what they are known: a model may be replaced under its name."""
        return self.kind, *(spec.sha256 for spec in self.specs), *(stamp(f / "model.toml") for f in self.folders)


def challengers(settings: Settings) -> Path | None:
    """Return the folder of the models to compare with; None where there are none, or they may use no time.

    Raises:
        ModelError: shadow.model names a folder without models, or the store is damaged.
        OSError: the store cannot be read.
    """
    if not settings.shadow.cpu_share:
        return None
    if settings.shadow.model:
        folder = paths.models() if settings.shadow.model == BUILT_IN else Path(settings.shadow.model)
        if not any((folder / kind).is_dir() for kind in ("mask", "face")):
            raise ModelError(f"shadow.model: {folder}: has neither mask/ nor face/; fix: name a folder that has")
        return folder
    store = store_of(settings.models)
    challenger = store.aliases().challenger
    return store.version(challenger).folder if challenger else None


def check_shadow(settings: Settings) -> None:
    """Refuse a setting shadow.model that names no models; what the store holds may change at any time.

    Raises:
        ModelError: it names a folder without models, or the description of one is missing or wrong.
    """
    folder = challengers(settings) if settings.shadow.model else None
    for description in folder.glob("mask/model.toml") if folder else ():
        read_spec(description.parent)


def rivals(settings: Settings, models: Models) -> list[Rivals]:
    """Return what is compared: the kinds of which the challenger's model is another one.

    Raises:
        ModelError: a model of the challenger is damaged.
        OSError: the store cannot be read.
    """
    folder = challengers(settings)
    found = _of(folder, models) if folder and models.folders else ()
    return [rival for rival in found if rival.specs[0].sha256 != rival.specs[1].sha256]


def _of(folder: Path, models: Models) -> Iterator[Rivals]:
    for kind, champion in models.folders.items():
        other = folder / kind if kind == "mask" else folder / kind / _profile(champion, models.specs[kind])
        if other.is_dir():
            yield Rivals(kind, (champion, other), (models.specs[kind], read_spec(other)))


def _profile(champion: Path, spec: ModelSpec) -> str:
    """Return the profile of a face model: the name of its folder, where that is one."""
    return champion.name if champion.name in _PROFILES else spec.name


def build_shadow(settings: Settings, models: Models, lens: LensHealth, keep: Components) -> tuple[Shadow, ...]:
    """Return a sink for each kind of model that is compared; none, and a line in the log, if that is not possible.

    None in aggregate mode either, in which nothing about few people leaves the device.
    """
    if settings.privacy.aggregate:
        return ()
    try:
        found = rivals(settings, models)
        store = store_of(settings.models).folder if found else Path()
    except (EdgeError, OSError) as error:
        log.warning("shadow: no comparison: %s", error)
        return ()
    share = settings.shadow.cpu_share / max(len(found), 1)
    shadows = []
    for rival in found:
        path = counts_file(store, rival.kind, rival.specs, settings.camera.name)
        opened = partial(_opened, rival, models.bare, share, path, lens)
        shadows.append(keep(f"shadow {rival.kind}", (rival.key, models.bare, share, path, lens), opened, Shadow.close))
    return tuple(shadows)


def _opened(rival: Rivals, bare: float, share: float, path: Path, lens: LensHealth) -> Shadow:
    champion, challenger = rival.specs
    return Shadow(
        ShadowProcess([*_WORKER, rival.kind, *map(str, rival.folders)]),
        Budget(share, time.monotonic()),
        kept_counts(path) or Comparison(rival.kind),
        models=(champion.identity, challenger.identity),
        cropping=Cropping(champion.input, challenger.input, bare) if rival.kind == "mask" else None,
        save=partial(keep_counts, path),
        is_blind=lambda: lens.is_blind,
    )


def reports_of(shadows: Sequence[Shadow]) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what is published of the shadows, by topic."""
    if not shadows:
        return {}
    return {TOPIC: lambda: {shadow.comparison.kind: shadow.report() for shadow in shadows}}


def stats_of(shadows: Sequence[Shadow]) -> dict[str, dict[str, float]]:
    """Return the statistics of the shadows, by kind of model."""
    return {f"shadow_{shadow.comparison.kind}": shadow.stats() for shadow in shadows}
