"""The governor: in how many frames of a camera faces are detected, and with which profile, by processor time and heat.

A small control loop. A selected frame may take `cpu_share` of the time until the next one, so a slow machine selects
fewer instead of falling behind; heat makes them rarer still. Where the rate stays below the one that is wanted, the
next weaker profile is asked for, and a stronger one only after a long time in which it would have held.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from edge import profiles
from edge.monitor.host import heat

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Scene
    from edge.monitor.host import Heat
    from edge.settings.perception import DetectorSettings

log = logging.getLogger(__name__)

_SMOOTHING = 0.1
"""Share of the newest frame in the mean time: one with a crowd must not set the rate."""
_CONTROL_S = 5.0
_BRAKE, _RELEASE = 1.5, 0.9
"""Factors on the interval per `_CONTROL_S` of heat, and after it."""
_MAX_BRAKE = 16.0
_COOLED_C = 5.0
"""Below the highest temperature by so much, the machine is cool again."""
_SLOWEST_HZ = 1.0
"""Heat never makes selected frames rarer than this: somebody who stands there is still noticed within seconds."""
_WEAKER_AFTER_S = 20.0
_STRONGER_AFTER_S = 300.0
_MARGIN = 0.8
"""Share of the allowed time that a stronger profile may be expected to take."""


class Governor:
    """Sink that takes the time of every selected frame; `due` is asked before each."""

    def __init__(self, measure_heat: Callable[[], Heat] = heat) -> None:
        """Start without a frame."""
        self._measure_heat = measure_heat
        self._asks = self._is_logged = False
        self._choice: profiles.Choice | None = None
        self._key: object = None
        self._profile = ""
        self._frame_s = self._detect_s = 0.0
        self._brake = 1.0
        self._next_at = self._control_at = -math.inf
        self._below_since = self._above_since = math.inf

    def adopt(self, rule: DetectorSettings) -> None:
        """Use other settings from now on."""
        self._rule = rule

    def profile_of(self, rule: DetectorSettings) -> str:
        """Return the profile to run with a camera: that of the settings, or what `auto` stands for now.

        Raises:
            ModelError: a file of a profile is missing, damaged or not what its model.toml specifies.
        """
        if rule.profile != "auto" or rule.model:
            return profiles.profile_of(rule)
        key = (rule.rate_hz, rule.threads, rule.cpu_share)
        if key != self._key:
            self._choice = profiles.choose_for(*key)
            self._key, self._profile, self._is_logged = key, self._choice.profile, False
        return self._profile

    def log_choice(self) -> None:
        """Log what `auto` stands for and why, once it is in force."""
        if self._choice and not self._is_logged:
            log.info("detector.profile = auto: %s", self._choice)
            self._is_logged = True

    def due(self, at: float) -> bool:
        """Return whether it is time to select a frame of `at` seconds."""
        return at >= self._next_at

    def put(self, scene: Scene) -> None:
        """Take the time that a frame has taken, and control the next ones."""
        if scene.times is None or scene.frame is None:
            return
        at = scene.frame.at
        self._frame_s = _mean(self._frame_s, scene.times.walk_s)
        self._detect_s = _mean(self._detect_s, scene.times.detect)
        self._next_at = at + self.interval_s
        if at >= self._control_at + _CONTROL_S:
            self._control_at = at
            self._control(at)

    def asks(self) -> bool:
        """Return once, after each change, whether another profile is to be loaded."""
        asks, self._asks = self._asks, False
        return asks

    @property
    def interval_s(self) -> float:
        """The time from one selected frame to the next."""
        by_time = self._frame_s / self._rule.cpu_share
        return max(by_time, min(by_time * self._brake, 1 / _SLOWEST_HZ))

    def stats(self) -> dict[str, Any]:
        """Return what the governor does, for the statistics."""
        most_hz = 1 / self.interval_s if self._frame_s else None
        return {
            "profile": self._profile or self._rule.profile,
            "max_rate_hz": None if most_hz is None else round(most_hz, 2),
            "braked": self._brake > 1,
        }

    def _control(self, at: float) -> None:
        """Slow down while the machine is hot, and ask for another profile where this one is the wrong one."""
        self._brake = self._braked(self._measure_heat())
        if self._choice is None or self._rule.profile != "auto" or self._rule.model:
            return
        self._below_since = min(self._below_since, at) if self._is_too_slow() else math.inf
        self._above_since = min(self._above_since, at) if self._holds_stronger() else math.inf
        if at - self._below_since >= _WEAKER_AFTER_S:
            self._take(profiles.weaker(self._profile))
        elif at - self._above_since >= _STRONGER_AFTER_S:
            self._take(profiles.stronger(self._profile))

    def _braked(self, measured: Heat) -> float:
        temperature_c, limit_c = measured.temperature_c, self._rule.max_temperature_c
        if measured.slowed or (temperature_c is not None and temperature_c >= limit_c):
            return min(_MAX_BRAKE, self._brake * _BRAKE)
        if temperature_c is None or temperature_c < limit_c - _COOLED_C:
            return max(1.0, self._brake * _RELEASE)
        return self._brake

    def _is_too_slow(self) -> bool:
        return self._profile != profiles.WEAKEST and 1 / self.interval_s < self._rule.rate_hz

    def _holds_stronger(self) -> bool:
        """Return whether the next stronger profile would hold the rate, as this one is slower than it was measured."""
        stronger = profiles.stronger(self._profile)
        seconds = self._choice.seconds if self._choice else {}
        if self._brake > 1 or stronger == self._profile or stronger not in seconds or not self._frame_s:
            return False
        expected_s = self._frame_s + self._detect_s * (seconds[stronger] / seconds[self._profile] - 1)
        return expected_s <= _MARGIN * self._rule.cpu_share / self._rule.rate_hz

    def _take(self, profile: str) -> None:
        log.info(
            "detector.profile = auto: %s instead of %s: %.1f frames per second at most, %s",
            profile,
            self._profile,
            1 / self.interval_s,
            "slowed down by heat" if self._brake > 1 else "by the time that a frame takes",
        )
        self._profile = profile
        self._frame_s = self._detect_s = 0.0
        self._below_since = self._above_since = math.inf
        self._asks = True


def _mean(before: float, now: float) -> float:
    """Return the mean time, which begins with the first frame."""
    return now if not before else before + _SMOOTHING * (now - before)
