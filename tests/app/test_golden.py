"""Golden outputs: those of the models that ship are found again; a model that crashes or hangs takes nothing along."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from edge import paths
from edge.app import golden
from edge.errors import ModelError


@pytest.fixture
def models(tmp_path):
    """Return a copy of the models that ship, which a test may change."""
    for kind in ("face", "mask"):
        shutil.copytree(paths.models() / kind, tmp_path / kind)
    return tmp_path


def test_other_logits_faces_or_scores_are_found(models, monkeypatch):
    monkeypatch.setattr(golden, "PROFILES", ("live",))
    golden.compare(models)
    file = models / "face/live/golden.json"
    whole = file.read_text()
    for change in (
        lambda one: one["boxes"].pop() and one["scores"].pop(),
        lambda one: one["scores"].__setitem__(0, 0.1),
        lambda one: one["boxes"].__setitem__(0, [1, 1, 50, 50]),
    ):
        expected = json.loads(whole)
        change(expected["11.0"])
        file.write_text(json.dumps(expected))
        with pytest.raises(ModelError, match=r"golden outputs of face/live differ on this machine, at 11.0 s"):
            golden.compare(models)
    file.write_text(whole)
    with np.load(models / "mask/golden.npz") as kept:
        arrays = dict(kept)
    np.savez(models / "mask/golden.npz", **arrays | {"logits": arrays["logits"] + 0.6})
    with pytest.raises(ModelError, match=r"golden outputs of mask differ"):
        golden.compare(models)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"4.0": {"boxes": []}}', '{"4.0": 3}'])
def test_a_golden_file_that_is_none_is_named(models, text):
    (models / "face/live/golden.json").write_text(text)
    with pytest.raises(ModelError, match=r"face/live/golden.json: "):
        golden.compare(models)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("import os; os.abort()", "it crashes: SIGABRT while its golden outputs were made"),
        ("import time; time.sleep(60)", "it hangs: its golden outputs have not come within 1 s"),
        ("import sys; sys.exit('the golden outputs of mask differ')", "the golden outputs of mask differ"),
        ("import sys; sys.exit(3)", "exit code 3"),
    ],
    ids=["crash", "hang", "differs", "fails"],
)
def test_whatever_its_process_does_becomes_a_sentence(tmp_path, monkeypatch, program, sentence):
    usual = golden.programs.python
    monkeypatch.setattr(golden.programs, "python", lambda *_arguments: usual("-S", "-c", program))
    with pytest.raises(ModelError, match=sentence):
        golden.check(tmp_path, limit_s=1.0 if "hangs" in sentence else 60.0)


def test_the_process_of_its_own_names_what_is_missing(tmp_path):
    with pytest.raises(ModelError, match=r"face/live/model.toml: no such file"):
        golden.check(tmp_path)
