"""Change the input size of an int8 face detector: the same weights and scales, other shapes.

    python -m models.train.face.resize FOLDER --settings models/train/face/live.toml --out models/face/live

The network is fully convolutional, so nothing is trained or calibrated again, and only the file is needed.
"""

from __future__ import annotations

import argparse
import math
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.tflite import read_spec
from models.train.face.tflite import Contents, write_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRIDE_PX = 32
_PADDED = 2
"""Rows that a PAD before a strided convolution adds."""


def resized(content: bytes, height_px: int, width_px: int) -> bytes:
    """Return the TFLite model for images of height_px x width_px.

    Raises:
        ValueError: a side is not a multiple of 32, the stride of the network.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    if height_px % _STRIDE_PX or width_px % _STRIDE_PX:
        raise ValueError(f"{height_px} x {width_px}: both sides must be multiples of {_STRIDE_PX}")
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    graph = model.subgraphs[0]
    before = tuple(int(side) for side in graph.tensors[graph.inputs[0]].shape[1:3])
    for tensor in _maps(model):
        sides = (_side(int(tensor.shape[1 + i]), before[i], (height_px, width_px)[i]) for i in (0, 1))
        tensor.shape = np.array([1, *sides, tensor.shape[3]], np.int32)
    for operator in graph.operators:
        given = graph.tensors[operator.inputs[0]]
        result = graph.tensors[operator.outputs[0]]
        if list(given.shape) == [4] and given.type == _INT32:  # the output shape of a transposed convolution
            model.buffers[given.buffer].data = np.frombuffer(result.shape.astype("<i4").tobytes(), np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


_INT32 = 2
"""`TensorType.INT32` of the TFLite schema."""


def _maps(model: Any) -> Iterator[Any]:  # noqa: ANN401 - the schema is untyped
    """Yield the tensors that are images or feature maps, not weights."""
    for tensor in model.subgraphs[0].tensors:
        constant = model.buffers[tensor.buffer].data is not None
        if not constant and tensor.shape is not None and len(tensor.shape) == 4:
            yield tensor


def _side(side: int, before: int, after: int) -> int:
    """Return the side of a map for the new input; the input is a multiple of it, apart from padding."""
    pad = 0 if before % side == 0 else _PADDED
    return after * (side - pad) // before + pad


def main() -> None:
    """Write one model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model folder to start from")
    parser.add_argument("--settings", type=Path, required=True, help="TOML: name, version, size, thresholds, metrics")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    args = parser.parse_args()
    spec = read_spec(args.model)
    settings = tomllib.loads(args.settings.read_text("utf-8"))
    height_px, width_px = settings["size"]["height_px"], settings["size"]["width_px"]
    content = resized((args.model / "model.tflite").read_bytes(), height_px, width_px)
    more = height_px * width_px / math.prod(spec.input.shape[1:3])
    training = spec.training | {"mmac": round(spec.training["mmac"] * more, 1)}
    tables = {name: settings.get(name, {}) for name in ("verifier", "metrics")}
    contents = Contents(settings["name"], settings["version"], **settings["thresholds"], **tables, training=training)
    write_folder(args.out, content, contents)


if __name__ == "__main__":
    main()
