"""Change the input size of an int8 face detector: the same weights and scales, other shapes.

    python -m models.train.face.resize FOLDER --height 288 --width 384 --score 0.4 --name centerface-small \
        --version 1.1.0 --out models/face/live [--metrics FILE]

The network is fully convolutional, so nothing is trained or calibrated again, and only the file is needed.
"""

from __future__ import annotations

import argparse
import json
import math
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
    parser.add_argument("--height", type=int, required=True, help="of the input, px, a multiple of 32")
    parser.add_argument("--width", type=int, required=True, help="of the input, px, a multiple of 32")
    parser.add_argument("--score", type=float, required=True, help="minimum score of a face")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--metrics", type=Path, help="JSON object to put into model.toml")
    args = parser.parse_args()
    spec = read_spec(args.model)
    content = resized((args.model / "model.tflite").read_bytes(), args.height, args.width)
    more = args.height * args.width / math.prod(spec.input.shape[1:3])
    training = spec.training | {"mmac": round(spec.training["mmac"] * more, 1)}
    metrics = json.loads(args.metrics.read_text("utf-8")) if args.metrics else {}
    write_folder(args.out, content, Contents(args.name, args.version, args.score, training, metrics))


if __name__ == "__main__":
    main()
