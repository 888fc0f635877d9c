"""What `detector.profile = auto` stands for on machines of different speed."""

from __future__ import annotations

import pytest

from edge import paths, profiles
from edge.app.validation import check
from edge.profiles import choose, choose_for, profile_of
from edge.settings.schema import Environment
from tests.support.settings import settings

DEV = Environment.DEVELOPMENT
WORK = {"live": 1.0, "balanced": 3.0, "quality": 6.0}


def machine(live_s: float, tried: list[str] | None = None):
    """Return what a frame takes on a machine that needs `live_s` for one with the profile live."""

    def seconds_of(profile: str) -> float:
        if tried is not None:
            tried.append(profile)
        return live_s * WORK[profile]

    return seconds_of


@pytest.mark.parametrize(
    ("live_s", "rate_hz", "profile", "is_held"),
    [
        (0.03, 4.0, "quality", True),
        (0.034, 4.0, "balanced", True),
        (0.066, 4.0, "balanced", True),
        (0.067, 4.0, "live", True),
        (0.21, 4.0, "live", False),
        (0.03, 5.0, "balanced", True),
        (0.21, 1.0, "balanced", True),
    ],
)
def test_the_strongest_profile_that_holds_the_rate_is_chosen(live_s, rate_hz, profile, is_held):
    choice = choose(rate_hz, machine(live_s))
    assert (choice.profile, choice.is_held) == (profile, is_held)


def test_a_slow_machine_is_not_kept_waiting_by_stronger_models():
    tried = []
    choose(4.0, machine(0.5, tried))
    assert tried == ["live"]
    choose(4.0, machine(0.1, tried))
    assert tried == ["live", "live", "balanced"]


def test_the_choice_states_what_was_measured():
    assert str(choose(4.0, machine(0.05))) == "balanced (a frame takes: live 50 ms, balanced 150 ms, quality 300 ms)"


def test_each_profile_is_measured_once_whatever_the_rate(monkeypatch):
    """A reload would measure while frames wait."""
    loaded = []

    def slow(folder, *, threads):
        loaded.append(folder.name)
        raise AssertionError("measured again")

    first = choose_for(1e-3, 1)
    monkeypatch.setattr(profiles, "Model", slow)
    assert choose_for(2e-3, 1) == first
    assert list(first.seconds) == ["live", "balanced", "quality"]
    assert all(s > 0 for s in first.seconds.values())
    assert loaded == []


def test_the_time_of_live_includes_the_verifications_that_a_frame_may_need(monkeypatch):
    by_model = {"centerface-small": 1.0, "centerface-verifier": 0.1, "centerface-verifier-large": 0.01}
    monkeypatch.setattr(profiles, "_fastest_run", lambda model: by_model[model.spec.name])
    live = paths.models() / "face/live"
    assert profiles._measured.__wrapped__(live, 1) == pytest.approx(1.42)  # four, and two of doubtful proposals


def test_only_auto_is_measured(monkeypatch):
    monkeypatch.setattr(profiles, "choose_for", lambda *_: choose(4.0, machine(0.05)))
    assert profile_of(settings().detector) == "balanced"
    assert profile_of(settings("detector.profile=live").detector) == "live"
    assert profile_of(settings("detector.profile=quality").detector) == "quality"
    assert profile_of(settings("detector.model=/somewhere").detector) == "live"


@pytest.mark.parametrize(("chosen", "name"), [("live", "centerface-small"), ("balanced", "centerface-balanced")])
def test_a_run_has_the_models_of_the_chosen_profile_and_keeps_them_as_long_as_it_is_chosen(chosen, name):
    def chooses(_rule) -> str:
        return chosen

    first = check(settings(), DEV, profile_of=chooses)
    assert first.models.specs["face"].name == name
    assert check(settings("alert.dwell_s=3"), DEV, first, chooses).models is first.models
    assert check(settings(), DEV, first, lambda _rule: "quality").models.specs["face"].name == "centerface-quality"
    assert check(settings(), DEV).models.specs["face"].name == "centerface-small"
