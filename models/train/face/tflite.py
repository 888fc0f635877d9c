"""Convert an ONNX network with CenterFace's outputs to a model folder: model.tflite, int8 or float, and model.toml."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from models.train.model_toml import table_lines, tensor_lines
from models.train.saved_model import saved_model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge.data import Image

INPUT = "image"
OUTPUTS = ("heat", "size", "offset", "landmarks")
"""Names and order of the outputs; `edge.detect.centerface.decode` takes them in this order."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of model.toml in addition to the tensors.

    score, bare: thresholds.  verifier: the table of the second model, if any.
    """

    name: str
    version: str
    score: float
    bare: float | None = None
    verifier: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def resized(network: onnx.ModelProto, height_px: int, width_px: int) -> onnx.ModelProto:
    """Return the network for one (3, height_px, width_px) image, tensors renamed to `INPUT` and `OUTPUTS`."""
    graph = _renamed(network).graph
    read = {name for node in graph.node for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in read]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    image = onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, (1, 3, height_px, width_px))
    clean = onnx.helper.make_graph(graph.node, graph.name, [image], graph.output, weights)
    model = onnx.helper.make_model(clean, opset_imports=network.opset_import, ir_version=network.ir_version)
    return onnx.shape_inference.infer_shapes(model)


def _renamed(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose first input is `INPUT` and whose outputs are `OUTPUTS`."""
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    graph = copy.graph
    names = {graph.input[0].name: INPUT}
    names |= {value.name: name for value, name in zip(graph.output, OUTPUTS, strict=True)}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in [*graph.input, *graph.output]:
        value.name = names.get(value.name, value.name)
    return copy


def macs(network: onnx.ModelProto) -> int:
    """Return the multiply-accumulates of one image's convolutions, for a network from `resized`."""
    graph = network.graph
    weights = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    shapes = {value.name: value.type.tensor_type.shape.dim for value in [*graph.value_info, *graph.output]}
    pixels = {name: shape[2].dim_value * shape[3].dim_value for name, shape in shapes.items() if len(shape) == 4}
    places = {"Conv": lambda node: node.output[0], "ConvTranspose": lambda node: node.input[0]}
    nodes = [node for node in graph.node if node.op_type in places]
    return sum(weights[node.input[1]] * pixels[places[node.op_type](node)] for node in nodes)


def to_tflite(network: onnx.ModelProto, images: Iterable[Image] | None) -> bytes:
    """Return a TFLite model with float32 outputs: int8 calibrated on `images`, or float32 where None.

    images: uint8 (H, W, 3) RGB of the network's input size.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as scratch:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(_named_model(network, Path(scratch))))
        if images is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = lambda: ([image[None].astype(np.float32)] for image in images)
            converter.inference_input_type = tf.int8
        return _in_order(converter.convert())


def _named_model(network: onnx.ModelProto, scratch: Path) -> Path:
    """Return the folder of a saved model whose signature names the outputs."""
    import tensorflow as tf

    onnx.save(network, str(scratch / "network.onnx"))
    module = tf.saved_model.load(str(saved_model(scratch / "network.onnx")))
    tf.saved_model.save(module, str(scratch / "named"), signatures=_with_names(module))
    return scratch / "named"


def _with_names(module: Any) -> Any:  # noqa: ANN401 - tensorflow is untyped
    """Return the module's function as image -> {name of `OUTPUTS`: tensor}; onnx2tf's are output_0, output_1, …."""
    import tensorflow as tf

    signature = module.signatures["serving_default"]
    (given, spec), *_ = signature.structured_input_signature[1].items()

    def named(image: Any) -> dict[str, Any]:  # noqa: ANN401
        outputs = signature(**{given: image})
        return {name: outputs[f"output_{i}"] for i, name in enumerate(OUTPUTS)}

    return tf.function(named).get_concrete_function(tf.TensorSpec(spec.shape, tf.float32, name=INPUT))


def _in_order(content: bytes) -> bytes:
    """Return the TFLite model with tensors named as in its signature and outputs in the order of `OUTPUTS`.

    The quantiser changes the order of the outputs; only the signature still identifies them.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    graph = model.subgraphs[0]
    signature = model.signatureDefs[0]
    places = {entry.name.decode(): entry.tensorIndex for entry in [*signature.inputs, *signature.outputs]}
    for name, place in places.items():
        graph.tensors[place].name = name.encode()
    graph.outputs = np.array([places[name] for name in OUTPUTS], np.int32)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def write_folder(folder: Path, content: bytes, contents: Contents) -> None:
    """Write FOLDER/model.tflite and FOLDER/model.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    (folder / "model.toml").write_text(_toml(content, contents), "utf-8")


def _toml(content: bytes, contents: Contents) -> str:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    lines = [
        f"name = {json.dumps(contents.name)}",
        f"version = {json.dumps(contents.version)}",
        'kind = "face"',
        'decoder = "centerface"',
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
        *tensor_lines("[input]", interpreter.get_input_details()[0]),
        'colour = "rgb"',
    ]
    for detail in interpreter.get_output_details():
        lines += tensor_lines("[[output]]", detail)
    lines += table_lines("thresholds", {"score": contents.score} | _given("bare", contents.bare))
    lines += table_lines("verifier", contents.verifier) if contents.verifier else []
    lines += table_lines("training", contents.training) + table_lines("metrics", contents.metrics)
    return "\n".join(lines) + "\n"


def _given(key: str, value: float | None) -> dict[str, float]:
    return {} if value is None else {key: value}
