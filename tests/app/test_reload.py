"""Settings that change while the watch runs, by signal and by command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.app.reload import Reload
from edge.errors import ConfigError
from edge.settings.load import lay_over, load
from edge.settings.schema import Settings
from tests.support.fakes import FakeClock

SETTINGS = load(system_file=Path("/nonexistent")).settings
PAUSE_S = 3.0


@dataclass(frozen=True)
class Taken:
    """Settings that were checked, without the models that this takes."""

    settings: Settings


class Service:
    """A run that puts in force what it reads, and counts how often it did."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.reload = Reload(self._load, self.clock)
        self.reload.checked = Taken(SETTINGS)
        self.applied = 0

    def _load(self, changes, _before):
        return Taken(lay_over(SETTINGS, changes, "command"))

    @property
    def settings(self) -> Settings:
        return self.reload.checked.settings

    def frame(self) -> bool:
        """Walk one frame; return whether other settings are in force after it."""
        checked = self.reload.read() if self.reload.due() else None
        if checked is None:
            return False
        self.applied += 1
        self.reload.accept(checked)
        return True


def test_a_changed_setting_is_in_force_after_the_next_frame():
    service = Service()
    assert not service.frame()
    service.reload.change("alert.dwell_s", 2.5)
    assert service.frame()
    assert service.settings.alert.dwell_s == 2.5


def test_changes_are_laid_over_what_a_signal_reads_again():
    service = Service()
    service.reload.change("alert.dwell_s", 2.5)
    service.frame()
    service.reload.request()
    assert service.frame()
    assert service.settings.alert.dwell_s == 2.5


def test_a_change_to_what_is_in_force_changes_nothing():
    service = Service()
    service.reload.change("alert.dwell_s", 1.0)
    assert not service.frame()
    service.reload.request()
    assert service.frame(), "a signal always does"


@pytest.mark.parametrize(
    ("key", "value"),
    [("alert.dwell_s", -1.0), ("alert.dwell_s", "2"), ("detector.profile", "fast"), ("alert.none", 1)],
)
def test_a_wrong_change_is_told_and_forgotten(key, value):
    service = Service()
    service.reload.change(key, value)
    assert not service.frame()
    assert service.reload.problem.startswith(f"kept the old ones: command: {key}")
    service.clock.now += PAUSE_S
    service.reload.change("alert.dwell_s", 3.0)
    assert service.frame()
    assert service.reload.problem == ""
    assert service.settings.alert.dwell_s == 3.0


def test_settings_that_could_not_be_put_in_force_are_forgotten_too():
    service = Service()
    service.reload.change("alert.dwell_s", 2.0)
    assert service.reload.due()
    assert service.reload.read() is not None
    service.reload.refuse(ConfigError("show.socket: cannot be made"))
    service.reload.request()
    service.frame()
    assert service.settings.alert.dwell_s == 1.0


def test_of_several_changes_at_once_the_last_of_each_key_counts():
    service = Service()
    for key, value in [("alert.dwell_s", 3.0), ("detector.profile", "quality"), ("alert.dwell_s", 4.0)]:
        service.reload.change(key, value)
    service.frame()
    assert (service.settings.alert.dwell_s, service.settings.detector.profile) == (4.0, "quality")


def test_a_change_in_every_frame_for_a_minute_is_applied_every_three_seconds_and_the_last_one_at_last():
    service = Service()
    for number in range(600):
        service.reload.change("alert.dwell_s", 1.0 + number / 1000)
        service.frame()
        service.clock.now += 0.1
    assert 19 <= service.applied <= 21
    service.clock.now += PAUSE_S
    service.frame()
    assert service.settings.alert.dwell_s == 1.599


def test_a_signal_waits_for_no_pause_and_takes_the_changes_that_do_along():
    service = Service()
    service.reload.change("alert.dwell_s", 2.0)
    service.frame()
    service.reload.change("alert.dwell_s", 4.0)
    assert not service.frame()
    service.reload.request()
    assert service.frame()
    assert service.settings.alert.dwell_s == 4.0


def test_a_laid_over_value_is_validated_as_a_file_is():
    with pytest.raises(ConfigError, match=r"command: alert\.dwell_s: .* not 90000\.0"):
        lay_over(SETTINGS, {"alert.dwell_s": 90_000.0}, "command")
    assert lay_over(SETTINGS, {}, "command") == SETTINGS
