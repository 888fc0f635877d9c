"""Settings that change while the watch runs, by signal and by command."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.layers import lay_over, load
from edge.reload import Rounds

SETTINGS = load(system_file=Path("/nonexistent")).settings


def rounds() -> Rounds:
    return Rounds(SETTINGS, lambda changes: lay_over(SETTINGS, changes, "command"))


def began(watched: Rounds) -> bool:
    """Check once, and return whether the round that runs was ended for another."""
    watched.check()
    return watched.stop.is_set()


def test_a_changed_setting_begins_a_new_round_with_it():
    watched = rounds()
    each = iter(watched)
    assert next(each).alert.dwell_s == 1.0
    watched.change("alert.dwell_s", 2.5)
    assert began(watched)
    assert next(each).alert.dwell_s == 2.5


def test_changes_are_laid_over_what_a_signal_reads_again():
    watched = rounds()
    each = iter(watched)
    next(each)
    watched.change("alert.dwell_s", 2.5)
    watched.check()
    next(each)
    watched.request()
    assert began(watched)
    assert next(each).alert.dwell_s == 2.5


def test_a_change_to_what_is_in_force_begins_no_round():
    watched = rounds()
    next(iter(watched))
    watched.change("alert.dwell_s", 1.0)
    assert not began(watched)
    watched.request()
    assert began(watched), "a signal always does"


@pytest.mark.parametrize(
    ("key", "value"),
    [("alert.dwell_s", -1.0), ("alert.dwell_s", "2"), ("detector.profile", "fast"), ("alert.none", 1)],
)
def test_a_wrong_change_is_told_and_forgotten(key, value):
    watched = rounds()
    each = iter(watched)
    next(each)
    watched.change(key, value)
    assert not began(watched)
    assert watched.problem.startswith(f"kept the old ones: command: {key}")
    watched.change("alert.dwell_s", 3.0)
    assert began(watched)
    assert watched.problem == ""
    assert next(each).alert.dwell_s == 3.0


def test_of_several_changes_at_once_the_last_of_each_key_counts():
    watched = rounds()
    each = iter(watched)
    next(each)
    for key, value in [("alert.dwell_s", 3.0), ("detector.profile", "quality"), ("alert.dwell_s", 4.0)]:
        watched.change(key, value)
    watched.check()
    settings = next(each)
    assert (settings.alert.dwell_s, settings.detector.profile) == (4.0, "quality")


def test_a_laid_over_value_is_validated_as_a_file_is():
    with pytest.raises(ConfigError, match=r"command: alert\.dwell_s: .* not 90000\.0"):
        lay_over(SETTINGS, {"alert.dwell_s": 90_000.0}, "command")
    assert lay_over(SETTINGS, {}, "command") == SETTINGS
