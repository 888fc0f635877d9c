"""A new champion is on trial: what crashes, makes no progress or gives other answers is taken back at the next."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace

import pytest

from edge import paths
from edge.app.trial import on_trial
from edge.clock import Clock
from edge.errors import CameraError, ModelError
from edge.registry import OpenGate, log
from edge.registry.active import in_force
from edge.registry.aliases import Aliases
from edge.settings.models import ModelsSettings
from tests.support import fakes
from tests.support.bundles import Signer, accept, small_bundle, store_in

SIGNER = Signer()


def differ(_folder):
    raise ModelError("the golden outputs of mask differ on this machine")


@pytest.fixture
def settings(tmp_path):
    return ModelsSettings(store=str(tmp_path / "store"), trusted_keys=(SIGNER.public,))


@pytest.fixture
def store(tmp_path):
    return store_in(tmp_path / "store", SIGNER)


@pytest.fixture
def versions(store, tmp_path):
    """Return two versions: the first is the previous champion and has passed, the second is on trial."""
    names = []
    for number in (1, 2):
        made = small_bundle(tmp_path / f"made-{number}", str(number), signer=SIGNER, sequence=number)
        names.append(store.install(io.BytesIO(made), f"{number}.maskwatch", accept).sha256)
        store.promote("challenger", OpenGate(), paths.models(), accept)
        if number == 1:
            store.record_trial(names[0], "")
    return names


def crash(settings):
    """Let a process with the models in force die."""
    trial = on_trial(settings, accept)
    trial.__enter__()
    return trial  # kept: a generator that is collected would run its end


def test_models_without_a_store_are_the_built_in_ones(tmp_path):
    with on_trial(ModelsSettings(store=str(tmp_path / "none")), differ) as trial:
        assert (trial.models.folder, trial.models.problem) == (paths.models(), "")
        assert trial.names["champion"] == "built-in"
        trial.put(fakes.scene_of(fakes.picture()))
    assert not (tmp_path / "none").exists()


def test_a_champion_on_trial_is_in_force(settings, store, versions):
    with on_trial(settings, accept) as trial:
        assert trial.models.folder == store.path_of(versions[1])
        assert trial.names == {"champion": versions[1], "previous": versions[0], "challenger": ""}
        record = json.loads(store.aliases().trial)
        assert record == {"boot": Clock().boot, "attempts": 1, "running": True}


def test_it_passes_ten_minutes_after_its_first_frame(settings, store, versions):
    with on_trial(settings, accept) as trial:
        trial.put(replace(fakes.scene(decided_at=-9e9), frame=None))  # the camera is absent
        for at in (100.0, 699.0):
            trial.put(framed(at))
            assert store.aliases().trial
        trial.put(framed(700.0))
        assert store.aliases() == Aliases(champion=versions[1], previous=versions[0])
        trial.put(framed(9_000.0))
    assert [entry["what"] for entry in log.read(store.folder)].count("passed") == 2


def framed(at: float):
    return replace(fakes.scene(decided_at=at), frame=fakes.frame(at))


def test_a_process_that_died_on_trial_is_followed_by_the_models_before(settings, store, versions, caplog):
    dead = crash(settings)
    with caplog.at_level(logging.WARNING), on_trial(settings, accept) as trial:
        assert trial.models.folder == store.path_of(versions[0])
        problem = trial.models.problem
        assert problem.startswith(f"rolled back: version {versions[1][:12]}: the process crashed, or was killed")
        assert trial.names["champion"] == versions[0]
    assert store.aliases() == Aliases(champion=versions[0], problem=problem)
    assert log.read(store.folder)[-1]["reason"] == problem
    with on_trial(settings, differ) as trial:
        assert trial.models.problem == problem, "until the next promotion"
    del dead


def test_golden_outputs_that_differ_at_the_start_are_followed_by_the_models_before(settings, store, versions):
    with on_trial(settings, differ) as trial:
        assert trial.models.folder == store.path_of(versions[0])
        assert "the golden outputs of mask differ" in trial.models.problem


def test_a_damaged_champion_on_trial_is_followed_by_the_models_before(settings, store, versions):
    (store.path_of(versions[1]) / "mask/model.tflite").write_text("other")
    with on_trial(settings, accept) as trial:
        assert trial.models.folder == store.path_of(versions[0])
        assert "mask/model.tflite is damaged" in trial.models.problem


def test_the_built_in_models_follow_the_first_champion(settings, store, tmp_path):
    made = small_bundle(tmp_path / "made", signer=SIGNER)
    store.install(io.BytesIO(made), "1.maskwatch", accept)
    store.promote("challenger", OpenGate(), paths.models(), accept)
    with on_trial(settings, differ) as trial:
        assert trial.models.folder == paths.models()
        assert trial.names["champion"] == "built-in"
    assert store.aliases().champion == ""


def test_a_process_that_ended_in_good_order_is_no_failure_and_the_trial_begins_again(settings, store, versions):
    for _ in range(5):
        with on_trial(settings, accept) as trial:
            assert trial.models.folder == store.path_of(versions[1])
    assert json.loads(store.aliases().trial)["running"] is False


def test_an_error_that_is_not_the_model_s_is_no_failure(settings, store, versions):
    with pytest.raises(CameraError), on_trial(settings, accept):
        raise CameraError("usb:0: is absent")
    with on_trial(settings, accept) as trial:
        assert trial.models.sha256 == versions[1]


def test_an_unexpected_exception_is_a_failure(settings, store, versions):
    with pytest.raises(ZeroDivisionError), on_trial(settings, accept):
        raise ZeroDivisionError
    with on_trial(settings, accept) as trial:
        assert trial.models.sha256 == versions[0]


def test_power_cuts_are_no_failure_until_the_third(settings, store, versions):
    for attempts in (1, 2, 3):
        store.record_trial(versions[1], json.dumps({"boot": "earlier", "attempts": attempts, "running": True}))
        dead = crash(settings)
        assert store.aliases().champion == versions[1 if attempts < 3 else 0]
    assert "restarted 3 times" in store.aliases().problem
    del dead


def test_a_damaged_record_counts_as_a_failure(settings, store, versions):
    for text in ("[", "[]", '{"attempts": "x"}'):
        assert store.aliases().champion == versions[1]
        store.record_trial(versions[1], text)
    with on_trial(settings, accept) as trial:
        assert trial.models.sha256 == versions[0]


def test_a_store_that_cannot_be_written_is_followed_by_the_models_before_in_this_process(
    settings, store, versions, monkeypatch
):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge.registry.aliases.replacing", full)
    monkeypatch.setattr("edge.registry.log.replacing", full)
    with on_trial(settings, accept) as trial:
        assert trial.models.sha256 == versions[0]
        assert "No space left" in trial.models.problem
    assert store.aliases().champion == versions[1], "as it cannot be written"


def test_what_is_in_force_falls_back_on_the_built_in_models_with_a_problem(settings, store, versions):
    assert in_force(settings).folder == store.path_of(versions[1])
    (store.path_of(versions[1]) / "mask/model.tflite").unlink()
    found = in_force(settings)
    assert found.folder == paths.models()
    assert found.problem.startswith(f"the built-in models are used: version {versions[1][:12]}: mask/model.tflite is")


def test_a_version_without_a_trusted_signature_is_not_used_where_one_is_required(settings, versions):
    changed = settings.model_copy(update={"signature": "required", "trusted_keys": (Signer(2).public,)})
    found = in_force(changed)
    assert found.folder == paths.models()
    assert "which models.trusted_keys does not list" in found.problem


def test_production_uses_no_unsigned_champion(settings, store, tmp_path):
    """One that was installed in development is there, and is neither used nor promoted where signatures are needed."""
    made = small_bundle(tmp_path / "mine", "mine")
    mine = store.install(io.BytesIO(made), "mine.maskwatch", accept, unsigned=True).sha256
    store.promote(mine, OpenGate(), paths.models(), accept)
    assert in_force(settings).sha256 == mine
    careful = settings.model_copy(update={"signature": "required"})
    found = in_force(careful)
    assert (found.folder, found.sha256) == (paths.models(), "")
    assert "it is not signed, and models.signature is required" in found.problem
    with on_trial(careful, accept) as trial:
        assert trial.models.folder == paths.models()
        assert trial.names["champion"] == "built-in"


def test_keys_that_cannot_be_read_leave_a_device_with_the_built_in_models(settings, versions):
    changed = settings.model_copy(update={"trusted_keys": ("/nonexistent",)})
    with on_trial(changed, differ) as trial:
        assert trial.models.folder == paths.models()
        assert "models.trusted_keys: /nonexistent" in trial.models.problem
