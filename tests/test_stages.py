"""How the settings choose the stages."""

from __future__ import annotations

import pytest

from edge import paths
from edge.stages import load_models
from edge.tflite import read_spec
from tests.support.settings import settings


@pytest.mark.parametrize(
    ("setting", "asked", "chosen"),
    [
        ("auto", "live", "live"),
        ("auto", "quality", "quality"),
        ("live", "quality", "live"),
        ("quality", "live", "quality"),
    ],
)
def test_the_profile_of_the_settings_goes_before_that_of_the_command(setting, asked, chosen):
    models = load_models(settings(f"detector.profile={setting}"), profile=asked)
    assert models.specs["face"] == read_spec(paths.models() / "face" / chosen)
