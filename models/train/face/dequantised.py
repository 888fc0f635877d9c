"""Read a trained small network back from its int8 file, to train it further: its float weights are not kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter

from models.train.face.network import INPUT_SCALE, Net, NetSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

_WEIGHTS = {"CONV_2D": (0, 1, 2), "DEPTHWISE_CONV_2D": (0, 1, 2), "TRANSPOSE_CONV": (2, 1, 3)}
"""Place of the image, the weights and the bias among the inputs of an operator."""
_ORDERS = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2), "TRANSPOSE_CONV": (3, 0, 1, 2)}
"""Axes of the weights in the order of torch."""


@torch.no_grad()
def dequantised(file: Path, spec: NetSpec, grown: float) -> Net:
    """Return the float network of an int8 file; `grown` is the growth of the boxes that export added, and is undone."""
    interpreter = Interpreter(str(file))
    net = Net(spec)
    for module, (weight, bias) in zip(_modules(net), _layers(interpreter), strict=True):
        module.weight.copy_(torch.from_numpy(weight))  # type: ignore[operator,union-attr]
        if module.bias is not None:
            module.bias.copy_(torch.from_numpy(bias))  # type: ignore[operator]
    net.stem.weight *= INPUT_SCALE
    _shrink(net, grown)
    return net


def _layers(interpreter: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - the runtime is untyped
    """Yield float32 weights and bias of every convolution, in the order in which they run."""
    for operator in interpreter._get_ops_details():  # noqa: SLF001 - there is no public list of operators
        kind = operator["op_name"]
        if kind in _WEIGHTS:
            image, weight, bias = (operator["inputs"][place] for place in _WEIGHTS[kind])
            details = interpreter._get_tensor_details(weight, 0)  # noqa: SLF001
            scales = details["quantization_parameters"]["scales"]
            shape = [1] * 4
            shape[details["quantization_parameters"]["quantized_dimension"]] = -1
            values = interpreter.get_tensor(weight).astype(np.float32) * scales.reshape(shape)
            step = interpreter._get_tensor_details(image, 0)["quantization"][0] * scales  # noqa: SLF001
            yield values.transpose(_ORDERS[kind]).copy(), (interpreter.get_tensor(bias) * step).astype(np.float32)


def _modules(net: Net) -> list[nn.Module]:
    """Return the convolutions in the order in which they run."""
    modules: list[Any] = [net.stem]
    for block in net.blocks:
        modules += [layer for layer in (block.expand, block.depthwise, block.project) if layer is not None]
    for up, lateral in zip(net.ups, net.laterals, strict=True):
        modules += [up, lateral]
    return [*modules, *(layer for layer in (net.head_depthwise, net.head) if layer is not None), *net.outputs]


def _shrink(net: Net, margin: float) -> None:
    """Undo `models.train.face.convert.grown`."""
    factor = 1 + 2 * margin
    size, landmarks = net.outputs[1], net.outputs[3]
    size.bias -= math.log(factor)  # type: ignore[operator]
    landmarks.weight *= factor  # type: ignore[operator]
    landmarks.bias.copy_(landmarks.bias * factor - margin)  # type: ignore[operator,union-attr]
