"""What a result depends on: a part that differs is named, so that a run does not go on with another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.batch.engine import Job
from edge.batch.identity import difference, identity_of
from edge.settings.schema import Settings
from edge.stages import load_models
from edge.tflite import read_spec

JOB = Job(Settings.model_validate({"detector": {"profile": "live"}}))


@pytest.fixture(scope="module")
def models():
    return load_models(JOB.settings, profile="live")


def test_the_same_job_has_the_same_identity(models):
    assert difference(identity_of(JOB, models), identity_of(JOB, models)) == ""


@pytest.mark.parametrize("kind", ["face", "mask"])
@pytest.mark.parametrize("change", [{"sha256": "a" * 64}, {"thresholds": {"score": 0.123}}])
def test_another_model_or_threshold_is_named(models, kind, change):
    changed = replace(models, specs={**models.specs, kind: models.specs[kind].model_copy(update=change)})
    assert difference(identity_of(JOB, models), identity_of(JOB, changed)).startswith(f"{kind} model was ")


def test_another_verifier_is_named(models, tmp_path):
    face = models.folders["face"]
    toml = face / models.specs["face"].verifier.folder / "model.toml"
    other = tmp_path / "face" / models.specs["face"].verifier.folder
    (tmp_path / "face").mkdir()
    other.mkdir(parents=True, exist_ok=True)
    (other / "model.toml").write_text(toml.read_text().replace(read_spec(toml.parent).sha256, "a" * 64))
    changed = replace(models, folders={**models.folders, "face": tmp_path / "face"})
    assert difference(identity_of(JOB, models), identity_of(JOB, changed)).startswith("verifier model was ")


def test_what_only_describes_a_model_changes_nothing(models):
    described = {kind: spec.model_copy(update={"metrics": {"ap": 1}}) for kind, spec in models.specs.items()}
    assert difference(identity_of(JOB, models), identity_of(JOB, replace(models, specs=described))) == ""


def test_a_setting_that_decides_is_named_and_another_is_not(models):
    changed = Settings.model_validate({"detector": {"profile": "live"}, "alert": {"dwell_s": 7.5}})
    assert difference(identity_of(JOB, models), identity_of(Job(changed), models)) == "alert.dwell_s was 1.0 and is 7.5"
    elsewhere = Settings.model_validate({"detector": {"profile": "live"}, "mqtt": {"port": 1884}})
    assert difference(identity_of(JOB, models), identity_of(Job(elsewhere), models)) == ""
