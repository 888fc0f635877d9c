"""Models on a delegate that has proved itself, and on the CPU from its first error on."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from edge import paths
from edge.delegate import Delegate, load, trial
from edge.delegate.acceleration import CPU, Acceleration
from edge.delegate.marker import Marker
from edge.errors import ModelError
from edge.tflite import Model

MASK = paths.models() / "mask"
IMAGE = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)


def stub(library: Path, **options: str) -> Delegate:
    return Delegate(str(library), options, patience_s=60)


def ready(delegate: Delegate, marker: Marker | None = None) -> Acceleration:
    acceleration = Acceleration(delegate, marker)
    acceleration.try_out([MASK], threads=1)
    return acceleration


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Marker:
    """Return a marker; every trial of a delegate succeeds, at once."""
    monkeypatch.setattr(trial, "fault", lambda *_: "")
    return Marker(tmp_path / "state" / "delegate-main", boot(tmp_path, "monday"))


def boot(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(name)
    return path


def test_a_delegate_that_works_runs_the_models(library):
    acceleration = ready(stub(library, mode="works"))
    assert acceleration.problem == ""
    assert acceleration.runtime["delegate"] == "libstub.so.1"
    (found,), (right,) = acceleration.load(MASK).run(IMAGE), Model(MASK).run(IMAGE)
    np.testing.assert_allclose(found, right, atol=1e-5)


def test_without_a_delegate_the_cpu_runs_them_without_a_problem():
    acceleration = ready(CPU)
    assert (acceleration.problem, acceleration.runtime["delegate"]) == ("", "")
    assert isinstance(acceleration.load(MASK), Model)


def test_after_a_failed_trial_the_library_is_not_loaded_here(library):
    acceleration = ready(stub(library, mode="refuses"))
    assert acceleration.problem.startswith("off: libstub.so.1: the models run on the CPU: ")
    assert acceleration.runtime["delegate"] == ""
    assert isinstance(acceleration.load(MASK), Model)


def test_the_first_error_of_a_run_puts_all_models_on_the_cpu_without_losing_a_frame(library, tmp_path):
    acceleration = ready(stub(library, mode="fails", start=str(tmp_path / "now")))
    one, other = acceleration.load(MASK), acceleration.load(MASK)
    one.run(IMAGE)
    assert acceleration.problem == ""
    (tmp_path / "now").touch()
    (right,) = Model(MASK).run(IMAGE)
    for model in (one, other):
        np.testing.assert_array_equal(model.run(IMAGE)[0], right)
    assert "failed to invoke" in acceleration.problem
    assert acceleration.runtime["delegate"] == ""


def test_a_delegate_that_fails_only_in_this_process_leaves_the_model_on_the_cpu(library, tmp_path):
    acceleration = ready(stub(library, mode="refuses", start=str(tmp_path / "now")))
    (tmp_path / "now").touch()
    assert isinstance(acceleration.load(MASK), Model)
    assert "no such device" in acceleration.problem


def test_a_run_that_ends_by_itself_leaves_no_marker(library, marker):
    acceleration = ready(stub(library, mode="works"), marker)
    assert marker.path.exists()
    acceleration.close()
    assert not marker.path.exists()


def test_after_a_run_that_was_killed_the_delegate_is_left_off(library, marker, tmp_path):
    ready(stub(library, mode="works"), marker)
    next_start = Marker(marker.path, tmp_path / "monday")
    acceleration = ready(stub(library, mode="works"), next_start)
    assert str(marker.path) in acceleration.problem
    assert acceleration.runtime["delegate"] == ""
    acceleration.close()
    assert ready(stub(library, mode="works"), Marker(marker.path, tmp_path / "monday")).problem


@pytest.mark.parametrize("what", ["restart of the machine", "other options", "other library"])
def test_it_is_tried_again_after_a(library, marker, tmp_path, what):
    ready(stub(library, mode="works"), marker)
    machine, options, now = boot(tmp_path, "monday"), {"mode": "works"}, library
    if what == "restart of the machine":
        machine = boot(tmp_path, "tuesday")
    elif what == "other options":
        options = {"mode": "works well"}
    else:
        now = Path(shutil.copy(library, tmp_path))
    assert ready(stub(now, **options), Marker(marker.path, machine)).problem == ""


def test_without_a_place_for_the_marker_it_is_left_off(library, marker):
    marker.path.parent.touch()  # a file where the folder should be
    acceleration = ready(stub(library, mode="works"), marker)
    assert "cannot be written" in acceleration.problem


@pytest.fixture
def variant(tmp_path: Path) -> Path:
    """Return a model folder with a variant for the stub, whose model for the CPU is damaged."""
    content = (MASK / "model.tflite").read_bytes()
    (tmp_path / "model.tflite").write_bytes(b"damaged")
    (tmp_path / "model_stub.tflite").write_bytes(content)
    table = f'[[variant]]\ndelegate = "libstub"\nfile = "model_stub.tflite"\nsha256 = "{sha256(content).hexdigest()}"\n'
    (tmp_path / "model.toml").write_text(f"{(MASK / 'model.toml').read_text()}\n{table}")
    return tmp_path


def test_a_delegate_gets_the_variant_that_names_its_library(library, variant):
    assert Model(variant, delegate=load(stub(library))).run(IMAGE)
    with pytest.raises(ModelError, match=r"model\.tflite: sha256 is"):
        Model(variant)


def test_a_damaged_variant_is_refused(library, variant):
    (variant / "model_stub.tflite").write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"model_stub\.tflite: sha256 is"):
        Model(variant, delegate=load(stub(library)))


def test_a_variant_outside_the_models_folder_is_refused(variant):
    path = variant / "model.toml"
    path.write_text(path.read_text().replace("model_stub.tflite", "../model_stub.tflite"))
    with pytest.raises(ModelError, match=r"variant\.0\.file"):
        Model(variant)


def test_an_image_of_another_shape_is_no_fault_of_the_delegate(library):
    acceleration = ready(stub(library, mode="works"))
    model = acceleration.load(MASK)
    with pytest.raises(ValueError, match="shape"):
        model.run(IMAGE[:32])
    assert acceleration.problem == ""
