"""The model.toml of a mask model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.train.model_toml import table_lines, tensor_lines
from models.train.sources import LABELS
from models.train.store import MARGIN, SHIFT

if TYPE_CHECKING:
    from pathlib import Path

    from edge.tflite import ModelSpec

_VERSION = "1.3.0"
_THRESHOLDS = {"confidence": 0.5, "face_px": 12.0, "brightness": 12.0, "contrast": 1.5}
"""confidence: below one half, a calibrated confidence means that the verdict is more likely wrong than right.

That is the best threshold where a wrong verdict costs twice as much as a withheld one. Source: Chow, "On optimum
recognition error and reject tradeoff", 1970.
"""


@dataclass(frozen=True, slots=True)
class Tables:
    """What model.toml holds in addition to the tensors."""

    temperature: float = 1.0
    thresholds: dict[str, float] = field(default_factory=lambda: dict(_THRESHOLDS))
    training: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: ModelSpec) -> Tables:
        """Return the tables of a model.toml that has been read."""
        return cls(spec.temperature, spec.thresholds, spec.training, spec.metrics)


def write_spec(folder: Path, tables: Tables) -> None:
    """Write FOLDER/model.toml for the FOLDER/model.tflite that is there."""
    content = (folder / "model.tflite").read_bytes()
    image, logits = _tensors(content)
    lines = [
        'name = "masknet"',
        f'version = "{_VERSION}"',
        'kind = "mask"',
        'decoder = "logits"',
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
        f"labels = {json.dumps([*LABELS, 'no_face'][: logits['shape'][-1]])}",
        f"temperature = {tables.temperature}",
        *tensor_lines("[input]", image),
        'colour = "rgb"',
        f"crop_margin = {MARGIN}",
        f"crop_shift = {SHIFT}",
        *tensor_lines("[[output]]", logits),
    ]
    for name in ("thresholds", "training", "metrics"):
        lines += table_lines(name, getattr(tables, name))
    (folder / "model.toml").write_text("\n".join(lines) + "\n", "utf-8")


def _tensors(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the interpreter's description of the input and the output of a TFLite model."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0]
