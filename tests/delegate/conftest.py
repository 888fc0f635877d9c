"""The stub delegate, compiled once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import delegates


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the stub's library."""
    return delegates.compiled(tmp_path_factory.mktemp("delegate") / "libstub.so.1")
