"""What a bundle must hold: face models, a mask model, their cards and licences, and golden inputs and outputs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edge.errors import ModelError
from edge.tflite import read_spec

if TYPE_CHECKING:
    from pathlib import Path

PROFILES = ("live", "balanced", "quality")
GOLDEN_FRAMES = "face/golden"
"""Holds the images, SECOND.png, in which each profile's golden.json has the faces."""
_MODELS = {**{f"face/{profile}": "face" for profile in PROFILES}, "mask": "mask"}
_FILES = (
    *("face/CARD.md", "face/LICENSE", "mask/CARD.md", "mask/LICENSE", "mask/golden.npz"),
    *(f"face/{profile}/golden.json" for profile in PROFILES),
)


def check_content(folder: Path) -> None:
    """Check that an unpacked bundle, or a folder to make one of, is complete.

    Raises:
        ModelError: a file is missing, or a model.toml is not valid or names a model outside the bundle.
    """
    for name in _FILES:
        if not (folder / name).is_file():
            raise ModelError(f"{name} is missing")
    for name, kind in _MODELS.items():
        spec = read_spec(folder / name)
        if spec.kind != kind:
            raise ModelError(f"{name}/model.toml: kind is {spec.kind}, expected {kind}")
        if not (folder / name / "model.tflite").is_file():
            raise ModelError(f"{name}/model.tflite is missing")
        verifiers = spec.verifier.folders if spec.verifier else ()
        if not all(_is_inside(folder, f"{name}/{verifier}") for verifier in verifiers):
            raise ModelError(f"{name}/model.toml: the folder of a verifier leads out of the bundle")


def _is_inside(folder: Path, name: str) -> bool:
    named = os.path.normpath(name)
    return not os.path.isabs(named) and not named.startswith("..") and (folder / named).is_dir()  # noqa: PTH117 - text only
