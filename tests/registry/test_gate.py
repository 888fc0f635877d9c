"""The gate of promotions, with models and a dataset on disk."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import cv2
import pytest
from rich.progress import Progress

from edge.errors import InputError
from edge.monitor.comparison import Comparison
from edge.monitor.shadow_counts import counts_file, keep_counts
from edge.registry.gate import LABELLED, MeasuredGate
from edge.settings.gate import GateSettings
from edge.settings.models import ModelsSettings
from edge.settings.schema import Settings
from edge.tflite import read_spec
from tests.support.program import ROOT

MODELS = ROOT / "models"


@pytest.fixture
def challenger(tmp_path) -> Path:
    """Return models with the face models that ship and another mask model, which gives the same verdicts."""
    folder = tmp_path / "challenger"
    folder.mkdir()
    (folder / "face").symlink_to(MODELS / "face")
    shutil.copytree(MODELS / "mask", folder / "mask")
    content = (folder / "mask/model.tflite").read_bytes() + b"\0"
    (folder / "mask/model.tflite").write_bytes(content)
    was, now = read_spec(MODELS / "mask").sha256, hashlib.sha256(content).hexdigest()
    described = (folder / "mask/model.toml").read_text().replace(was, now)
    (folder / "mask/model.toml").write_text(described)
    return folder


@pytest.fixture
def labelled(tmp_path, demo_scenes) -> Path:
    folder = tmp_path / "labelled"
    (folder / "without_mask").mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(folder / f"without_mask/{number}.png"), demo_scenes[11.0])
    return folder


class Asked:
    """Asks the gate, and keeps the table that it shows."""

    def __init__(self, tmp_path) -> None:
        self.store, self.tables = tmp_path / "store", []

    def __call__(self, challenger: Path, **gate):
        models = ModelsSettings(store=str(self.store))
        settings = Settings(gate=GateSettings(**gate), models=models)
        with Progress(disable=True) as progress:
            return MeasuredGate(settings, progress, pytest.fail, self.tables.append).decide(MODELS, challenger)


@pytest.fixture
def ask(tmp_path) -> Asked:
    return Asked(tmp_path)


def test_without_labels_and_without_a_shadow_it_refuses_with_a_sentence_for_each(ask, challenger):
    decision = ask(challenger)
    assert not decision.passes
    assert decision.reasons == (
        "the shadow has compared 0 faces of 300; fix: let it run on, or set gate.shadow_faces",
        "there are no labelled images; fix: set gate.labelled to a folder with some of your place",
    )
    assert ask.tables[0].row_count == 2


def test_too_few_labelled_images_are_refused(ask, challenger, labelled):
    decision = ask(challenger, labelled=str(labelled), shadow_faces=0)
    assert not decision.passes
    assert decision.reasons[0].startswith("3 labelled images are too few to decide; fix: label 1,797 more")


def test_the_labelled_images_of_the_bundle_are_used_where_there_are_none_of_the_place(ask, challenger, labelled):
    with zipfile.ZipFile(challenger / LABELLED, "w") as archive:
        for path in labelled.rglob("*.png"):
            archive.write(path, path.relative_to(labelled))
    assert ask(challenger, shadow_faces=0).reasons[0].startswith("3 labelled images are too few")
    (challenger / LABELLED).write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"labelled.zip: cannot be read: .*; fix: set gate.labelled"):
        ask(challenger, shadow_faces=0)


def test_what_the_shadow_counted_is_asked(ask, challenger, labelled):
    counts = Comparison("mask")
    for _ in range(300):
        counts.add("with_mask", "with_mask", 3, 1)
    counts.crashes = 1
    specs = read_spec(MODELS / "mask"), read_spec(challenger / "mask")
    keep_counts(counts_file(ask.store, "mask", specs, "main"), counts)
    assert ask(challenger, labelled=str(labelled)).reasons[0] == "the challenger crashed or hung 1 times on the street"


def test_models_that_are_the_same_need_no_shadow(ask, labelled):
    decision = ask(MODELS, labelled=str(labelled))
    assert "shadow" not in " ".join(decision.reasons)
