"""A device whose clock was never set starts all the same, and logs it once."""

from __future__ import annotations

import logging

import pytest

from edge.app.service import _warn_of_the_clock
from edge.clock import Clock


@pytest.mark.parametrize(("wall", "warns"), [(0.0, True), (1e9, True), (4e9, False)])
def test_a_clock_before_the_release_is_a_warning_and_no_error(wall, warns, caplog):
    with caplog.at_level(logging.WARNING, "edge"):
        _warn_of_the_clock(Clock(lambda: wall, lambda: 0.0, "boot"))
    assert ("clock_synced=false until it is set" in caplog.text) is warns
