"""The parts of a model.toml that every kind of model has: tensors as the interpreter reports them, and tables."""

from __future__ import annotations

import json
from typing import Any

import numpy as np


def tensor_lines(header: str, detail: dict[str, Any]) -> list[str]:
    """Return the lines of one tensor under `header`; `detail` is the interpreter's description of it."""
    scale, zero_point = detail["quantization"]
    lines = [
        "",
        header,
        f"name = {json.dumps(detail['name'])}",
        f"shape = {json.dumps(detail['shape'].tolist())}",
        f"dtype = {json.dumps(np.dtype(detail['dtype']).name)}",
    ]
    return [*lines, f"scale = {float(scale)!r}", f"zero_point = {zero_point}"] if scale else lines


def table_lines(name: str, values: dict[str, Any]) -> list[str]:
    """Return a TOML table and those inside it; JSON's strings, numbers, booleans and lists of them are valid TOML."""
    inner = {key: value for key, value in values.items() if isinstance(value, dict)}
    own = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if key not in inner]
    tables = [line for key, table in inner.items() for line in table_lines(f"{name}.{key}", table)]
    return ["", f"[{name}]", *own, *tables]
