"""Settings of no file but those that a test names."""

from __future__ import annotations

from pathlib import Path

from edge.settings.load import load

NOWHERE = Path("/nonexistent/config.toml")


def settings(*overrides: str):
    return load(overrides=overrides, system_file=NOWHERE).settings
