"""The commands of training: each one that is documented or run by the pipeline exists."""

from __future__ import annotations

import argparse
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.program import ROOT

DOCUMENTED = re.compile(r"python -m (models\.train[\w.]*)")


def exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its package is absent
        return False


def test_every_documented_command_is_a_module():
    written = [
        *(ROOT / "models").rglob("*.py"),
        *(ROOT / "models").rglob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *ROOT.glob("*.md"),
    ]
    commands = {name for path in written for name in DOCUMENTED.findall(path.read_text("utf-8"))}
    assert "models.train.face.convert" in commands
    assert {name for name in commands if not exists(name)} == set()


def test_every_step_of_the_pipeline_is_a_module():
    pipeline = pytest.importorskip("models.train.pipeline", reason="the extra train is not installed")
    args = argparse.Namespace(pictures=Path("p"), work=Path("w"), mask=Path("m"), face=Path("f"), epochs=1, faces=1)
    names = {name for name, _ in pipeline.steps(args)}
    assert "mask.train" in names
    assert {name for name in names if not exists(f"models.train.{name}")} == set()
