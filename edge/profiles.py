"""The profile `auto`: the strongest one that this machine holds, by the time that its models take here."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from edge import paths
from edge.tflite import Model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.data import Image
    from edge.settings.perception import DetectorSettings

log = logging.getLogger(__name__)

WEAKEST = "live"
_PROFILES = (WEAKEST, "balanced", "quality")
_LONG_S = 0.4
"""A first run that takes longer is not repeated: it is too slow anyway, and a small machine would start later."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen profile, whether it holds the rate, and the seconds per frame of those tried, the weakest first."""

    profile: str
    is_held: bool
    seconds: dict[str, float]

    def __str__(self) -> str:
        """Return the profile and what was measured, in words."""
        tried = ", ".join(f"{profile} {1e3 * s:.0f} ms" for profile, s in self.seconds.items())
        return f"{self.profile} (a frame takes: {tried})"


def weaker(profile: str) -> str:
    """Return the next weaker profile, the weakest for itself."""
    return _PROFILES[max(0, _PROFILES.index(profile) - 1)]


def stronger(profile: str) -> str:
    """Return the next stronger profile, the strongest for itself."""
    return _PROFILES[min(len(_PROFILES) - 1, _PROFILES.index(profile) + 1)]


def choose(rate_hz: float, seconds_of: Callable[[str], float], share: float = 0.8) -> Choice:
    """Return the strongest profile that holds `rate_hz`, `WEAKEST` if none does.

    They are tried from the weakest on, and those above the first that does not hold it are not, so that a slow machine
    is not kept waiting by models that it will not run.

    seconds_of: returns what a frame takes with a profile.
    share: of the time between two frames that finding faces may take; the rest is for decoding and classifying.
    """
    allowed_s = share / rate_hz
    seconds: dict[str, float] = {}
    held: list[str] = []
    for profile in _PROFILES:
        seconds[profile] = seconds_of(profile)
        if seconds[profile] > allowed_s:
            break
        held.append(profile)
    return Choice(held[-1] if held else WEAKEST, bool(held), seconds)


def choose_for(rate_hz: float, threads: int, share: float = 0.8) -> Choice:
    """Return the profile that `auto` stands for on this machine; what was measured once is not measured again.

    Raises:
        ModelError: a file of a profile is missing, damaged or not what its model.toml specifies.
    """

    def seconds_of(profile: str) -> float:
        return _measured(paths.models() / "face" / profile, threads)

    return choose(rate_hz, seconds_of, share)


def profile_of(settings: DetectorSettings) -> str:
    """Return the profile to run with a camera: that of the settings, or what `auto` stands for.

    Raises:
        ModelError: a file of a profile is missing, damaged or not what its model.toml specifies.
    """
    if settings.profile != "auto":
        return settings.profile
    return WEAKEST if settings.model else _chosen(settings).profile


def _chosen(settings: DetectorSettings) -> Choice:
    return choose_for(settings.rate_hz, settings.threads, settings.cpu_share)


@cache
def _measured(folder: Path, threads: int) -> float:
    """Return the seconds of a frame with the face model in a folder, all verifications that it may need included."""
    model = Model(folder, threads=threads)
    verifier = model.spec.verifier
    spent_s = _fastest_run(model)
    if verifier is None:
        return spent_s
    shares = [verifier.per_frame, *([verifier.doubt.per_frame] if verifier.doubt else [])]
    models = [Model(folder / name, threads=threads) for name in verifier.folders]
    return spent_s + sum(count * _fastest_run(model) for count, model in zip(shares, models, strict=True))


def _fastest_run(model: Model) -> float:
    """Return the seconds of the faster of two runs, or of the first if it takes longer than `_LONG_S`."""
    image = np.zeros((*model.size_px[::-1], 3), np.uint8)
    first_s = _run_s(model, image)
    return first_s if first_s > _LONG_S else min(first_s, _run_s(model, image))


def _run_s(model: Model, image: Image) -> float:
    began_at = time.perf_counter()
    model.run(image)
    return time.perf_counter() - began_at
