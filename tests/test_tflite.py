"""Models are checked against their model.toml when they are loaded, not on the first frame."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge import paths, tflite
from edge.errors import ModelError
from edge.tflite import Model, read_spec
from tests.support.program import maskwatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the mask model that may be damaged."""
    copy = tmp_path / "mask"
    shutil.copytree(paths.models() / "mask", copy)
    return copy


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "model.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    "name", ["face/live", "face/balanced", "face/quality", "face/verifier", "face/verifier-large", "mask"]
)
def test_every_model_that_ships_matches_its_model_toml(name):
    model = Model(paths.models() / name)
    width, height = model.size_px
    outputs = model.run(np.zeros((height, width, 3), np.uint8))
    assert [out.shape for out in outputs] == [spec.shape for spec in model.spec.output]
    assert {out.dtype for out in outputs} == {np.dtype("float32")}


@pytest.mark.parametrize(("colour", "scale", "zero_point"), [("rgb", 1.0, -128), ("bgr", 1.0, -128), ("rgb", 0.9, -5)])
def test_an_image_is_written_as_its_model_toml_has_it(colour, scale, zero_point):
    spec = read_spec(paths.models() / "mask").input
    spec = spec.model_copy(update={"colour": colour, "scale": scale, "zero_point": zero_point})
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    tensor = np.zeros((1, 64, 64, 3), np.int8)
    tflite._writer(spec)(tensor, image)
    expected = np.clip(np.round(image.astype(np.float32) / np.float32(scale)) + zero_point, -128, 127)
    assert np.array_equal(tensor[0], expected[..., ::-1] if colour == "rgb" else expected)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"shape \(32, 64, 3\), expected \(64, 64, 3\)"):
        Model(paths.models() / "mask").run(np.zeros((32, 64, 3), np.uint8))


def test_a_view_that_a_profiler_holds_for_a_moment_is_waited_for(monkeypatch):
    """A Dask worker's holds the frames of the thread that classifies, and with them what was written into."""
    model, held = Model(paths.models() / "mask"), []
    image = np.zeros((64, 64, 3), np.uint8)
    expected = model.run(image)
    held.append(model._input())
    monkeypatch.setattr(tflite.time, "sleep", lambda _s: held.clear())
    assert np.array_equal(model.run(image), expected)


def test_a_view_that_is_kept_is_an_error(monkeypatch):
    model, pauses = Model(paths.models() / "mask"), []
    kept = model._input()
    monkeypatch.setattr(tflite.time, "sleep", pauses.append)
    with pytest.raises(RuntimeError, match="reference to internal data"):
        model.run(np.zeros((64, 64, 3), np.uint8))
    assert sum(pauses) == pytest.approx(5.0)
    del kept


def test_what_an_image_gave_stays_when_another_is_run():
    model = Model(paths.models() / "mask")
    first = model.run(np.zeros((64, 64, 3), np.uint8))[0]
    kept = first.copy()
    assert not np.array_equal(model.run(np.full((64, 64, 3), 255, np.uint8))[0], kept)
    assert np.array_equal(first, kept)


def test_outputs_are_read_as_run_returns_them_and_without_a_copy():
    model, image = Model(paths.models() / "face/live"), np.full((288, 384, 3), 90, np.uint8)
    copied = model.run(image)
    views = model.read(image, lambda *outputs: [view.base is not None for view in outputs])
    alike = model.read(image, lambda *outputs: [np.array_equal(a, b) for a, b in zip(outputs, copied, strict=True)])
    assert views == alike == [True] * 4


def test_a_model_is_identified_by_its_name_its_version_and_the_hash_of_its_file():
    folder = paths.models() / "mask"
    digest = hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()
    spec = read_spec(folder)
    assert spec.identity == {"name": "masknet", "version": spec.version, "sha256": digest}


@pytest.mark.parametrize("offset", [0, 4, 1000, -1])
def test_one_changed_byte_is_refused(folder, offset):
    path = folder / "model.tflite"
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="sha256"):
        Model(folder)


def test_a_truncated_model_is_refused(folder):
    path = folder / "model.tflite"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelError, match="damaged"):
        Model(folder)


def test_a_file_that_is_not_a_model_is_refused_even_if_its_hash_matches(folder):
    old = read_spec(folder).sha256
    (folder / "model.tflite").write_bytes(b"no model")
    edit(folder, old, hashlib.sha256(b"no model").hexdigest())
    with pytest.raises(ModelError, match="cannot be loaded"):
        Model(folder)


def test_a_shape_that_differs_is_refused_with_both_named(folder):
    size = read_spec(folder).input.shape[1]
    edit(folder, f"{size}, {size}", f"{size}, {size + 1}")
    with pytest.raises(ModelError, match=rf"{size}, {size}.*model.toml states.*{size}, {size + 1}"):
        Model(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('kind = "mask"', 'kind = "dog"'),
        ('colour = "rgb"', 'colour = "cmyk"'),
        ("sha256 =", "sha255 ="),
        ("crop_margin = 0", "crop_margin = -1"),
        ("crop_margin = 0", "crop_shift = 2"),
    ],
)
def test_a_model_toml_with_a_wrong_field_is_refused(folder, old, new):
    edit(folder, old, new)
    with pytest.raises(ModelError, match=r"model\.toml"):
        Model(folder)


def test_a_model_without_a_shift_is_cut_about_the_middle_of_the_face(folder):
    path = folder / "model.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("crop_shift")]
    path.write_text("\n".join(lines))
    assert read_spec(folder).input.crop_shift == 0


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"model\.toml: no such file"):
        Model(tmp_path)


def test_the_command_ends_with_65_and_one_sentence(folder, demo_picture):
    (folder / "model.tflite").write_bytes(b"\0" * 100)
    done = maskwatch("detect", demo_picture, "--set", f"classifier.model={folder}")
    assert done.returncode == 65
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
