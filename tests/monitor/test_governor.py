"""How often frames are looked at, and with which profile, on slow, loaded and hot machines; time is driven by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge import profiles
from edge.data import StageTimes
from edge.monitor.governor import Governor
from edge.monitor.host import Heat
from edge.profiles import choose
from tests.support import fakes
from tests.support.settings import settings

WORK = {"live": 1.0, "balanced": 3.0, "quality": 6.0}


class Machine:
    """A machine on which a look with the profile `live` takes `live_s`, and a governor that watches it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, live_s: float, *overrides: str) -> None:
        self.live_s, self.c, self.slowed = live_s, 50.0, False
        monkeypatch.setattr(profiles, "choose_for", self._chosen)
        self.governor = Governor(lambda: Heat(self.c, slowed=self.slowed))
        self._rule = settings(*overrides).detector
        self.governor.adopt(self._rule)
        self.profile = self.governor.profile_of(self._rule)
        self.at = 0.0

    def _chosen(self, rate_hz: float, _threads: int, share: float):
        return choose(rate_hz, lambda profile: self.live_s * WORK[profile], share)

    def run(self, seconds: float) -> float:
        """Watch a camera of 30 frames per second; return the looks per second."""
        looks, until = 0, self.at + seconds
        while self.at < until:
            if self.governor.due(self.at):
                looks += 1
                took_s = self.live_s * WORK[self.profile]
                frame = fakes.frame(self.at)
                times = StageTimes(None, 0.0, took_s, 0.0, 0.0, 0.0)
                self.governor.put(replace(fakes.scene(), frame=frame, times=times))
            if self.governor.asks():
                self.profile = self.governor.profile_of(self._rule)
            self.at += 1 / 30
        return looks / seconds


def test_a_quick_machine_looks_at_every_frame_with_the_strongest_profile(monkeypatch):
    machine = Machine(monkeypatch, 0.003)
    assert machine.run(10) == pytest.approx(30, rel=0.02)
    assert machine.profile == "quality"


def test_looks_take_no_more_than_their_share_of_the_processor(monkeypatch):
    machine = Machine(monkeypatch, 0.06, "detector.profile=live", "detector.cpu_share=0.5")
    assert machine.run(60) * 0.06 == pytest.approx(0.5, rel=0.12)


def test_under_load_the_profile_becomes_weaker_and_stronger_again_long_after(monkeypatch):
    machine = Machine(monkeypatch, 0.03)
    assert machine.profile == "quality"
    machine.live_s *= 4
    machine.run(19)
    assert machine.profile == "quality"
    machine.run(11)
    assert machine.profile == "balanced"
    machine.run(25)
    assert machine.profile == "live"
    assert machine.run(60) == pytest.approx(0.8 / 0.12, rel=0.12)
    machine.live_s /= 4
    machine.run(290)
    assert machine.profile == "live"
    machine.run(30)
    assert machine.profile == "balanced"


def test_a_profile_that_would_only_just_hold_is_not_taken_back(monkeypatch):
    """Else it would be left and taken again for ever."""
    machine = Machine(monkeypatch, 0.033)
    assert machine.profile == "quality"
    machine.live_s = 0.04
    machine.run(60)
    assert machine.profile == "balanced"
    machine.live_s = 0.031
    machine.run(1000)
    assert machine.profile == "balanced"


@pytest.mark.parametrize("cause", ["temperature", "the firmware"])
def test_heat_makes_looks_rarer_down_to_one_per_second_and_no_rarer(monkeypatch, cause):
    machine = Machine(monkeypatch, 0.02, "detector.profile=live")
    assert machine.run(30) > 20
    machine.c, machine.slowed = (81.0, False) if cause == "temperature" else (70.0, True)
    machine.run(60)
    assert machine.run(60) == pytest.approx(1 / (16 * 0.025), rel=0.1)
    assert machine.governor.stats()["braked"]
    machine.c, machine.slowed = 78.0, False
    before = machine.run(30)
    assert machine.run(30) == pytest.approx(before, rel=0.1), "warm: as it is, neither rarer nor more often"
    machine.c = 70.0
    machine.run(150)
    assert machine.run(30) > 20


def test_however_hot_and_slow_a_look_is_made_every_second_where_the_machine_can(monkeypatch):
    machine = Machine(monkeypatch, 0.3, "detector.profile=live")
    machine.c = 85.0
    machine.run(60)
    assert machine.run(60) == pytest.approx(1.0, rel=0.05)


def test_with_auto_a_hot_machine_takes_a_weaker_profile(monkeypatch):
    machine = Machine(monkeypatch, 0.03)
    machine.c = 85.0
    machine.run(300)
    assert machine.profile == "live"


def test_a_profile_that_is_set_stays(monkeypatch):
    machine = Machine(monkeypatch, 0.2, "detector.profile=quality")
    machine.run(200)
    assert machine.profile == "quality"
    assert machine.governor.stats() == {"profile": "quality", "max_rate_hz": pytest.approx(0.67), "braked": False}


def test_another_rate_has_the_profile_chosen_anew(monkeypatch):
    machine = Machine(monkeypatch, 0.03)
    slower = settings("detector.rate_hz=20").detector
    assert machine.governor.profile_of(slower) == "live"
    assert machine.governor.profile_of(settings("detector.model=/somewhere").detector) == "live"


def test_the_choice_is_logged_where_auto_made_it(monkeypatch, caplog):
    caplog.set_level("INFO")
    machine = Machine(monkeypatch, 0.05)
    assert not caplog.records, "it may never be in force"
    for overrides in (["detector.profile=live"], ["detector.model=/somewhere"], []):
        machine.governor.profile_of(settings(*overrides).detector)
        machine.governor.log_choice()
    assert [record.getMessage() for record in caplog.records] == [
        "detector.profile = auto: balanced (a frame takes: live 50 ms, balanced 150 ms, quality 300 ms)"
    ]


def test_a_frame_between_two_looks_counts_for_nothing(monkeypatch):
    machine = Machine(monkeypatch, 0.03, "detector.profile=live")
    machine.governor.put(fakes.scene())
    assert machine.governor.stats()["max_rate_hz"] is None
