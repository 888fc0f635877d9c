"""The mask network: the first blocks of CenterFace's MobileNetV2 (pretrained on faces) and a new head.

Source of the trunk: Sandler et al., MobileNetV2, 2018 (arXiv:1801.04381), as trained in CenterFace (MIT).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from models.train.sources import NO_FACE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_STEM = 32
_BLOCKS = (
    (16, 1, 1),
    (24, 2, 6),
    (24, 1, 6),
    (32, 2, 6),
    (32, 1, 6),
    (32, 1, 6),
    (64, 2, 6),
    (64, 1, 6),
    (64, 1, 6),
    (64, 1, 6),
    (96, 1, 6),
    (96, 1, 6),
    (96, 1, 6),
)
"""Channels out, stride, expansion of each block. Source: the paper, table 2."""
_STRIDE_PX = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of a network: input side in px, number of trunk blocks, channels of the head, outputs."""

    size_px: int = 64
    blocks: int = 10
    head: int = 160
    dropout: float = 0.2
    outputs: int = NO_FACE + 1


class Block(nn.Module):
    """An inverted residual: expand, depthwise convolution, project; added to its input if the shapes match."""

    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        widen = [_convolution(before, wide, 1), nn.BatchNorm2d(wide), nn.ReLU()] if expansion > 1 else []
        self.layers = nn.Sequential(
            *widen,
            _convolution(wide, wide, 3, stride=stride, groups=wide),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            _convolution(wide, after, 1),
            nn.BatchNorm2d(after),
        )
        self.adds = stride == 1 and before == after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, after, H / stride, W / stride)."""
        y: torch.Tensor = self.layers(x)
        return x + y if self.adds else y


class MaskNet(nn.Module):
    """float (N, 3, S, S), RGB 0..255 -> logits (N, outputs).

    The head weights each position of the last map (a depthwise convolution as large as the map) instead of averaging,
    since the position of the upper edge of the mask decides. Source: Chen et al., MobileFaceNets, 2018 (global
    depthwise convolution). It ends in a 1x1 convolution: int8 Dense crashes tflite-runtime on aarch64.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.stem = nn.Sequential(_convolution(3, _STEM, 3, stride=2), nn.BatchNorm2d(_STEM), nn.ReLU())
        widths = [_STEM, *(out for out, _, _ in _BLOCKS)]
        self.blocks = nn.Sequential(*(Block(widths[i], *_BLOCKS[i]) for i in range(plan.blocks)))
        cells = plan.size_px // _STRIDE_PX
        self.head = nn.Sequential(
            _convolution(widths[plan.blocks], plan.head, 1),
            nn.BatchNorm2d(plan.head),
            nn.ReLU(),
            nn.Conv2d(plan.head, plan.head, cells, groups=plan.head, bias=False),
            nn.BatchNorm2d(plan.head),
            nn.ReLU(),
            nn.Dropout(plan.dropout),
            nn.Conv2d(plan.head, plan.outputs, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, outputs): those of `sources.LABELS` in that order, then that of `NO_FACE`."""
        logits: torch.Tensor = self.head(self.blocks(self.stem(x))).flatten(1)
        return logits


def pretrained(plan: Plan, weights: Path, sample: torch.Tensor) -> MaskNet:
    """Return a network whose trunk starts from CenterFace's weights.

    CenterFace was saved with its normalisations folded into the convolutions. Each normalisation here starts as the
    identity on `sample`, float (N, 3, S, S), so that the trunk first computes what CenterFace computes.
    """
    net = MaskNet(plan)
    folded = _folded(weights)
    trunk = [m for m in [*net.stem.modules(), *net.blocks.modules()] if isinstance(m, nn.Conv2d)]
    norms = [m for m in [*net.stem.modules(), *net.blocks.modules()] if isinstance(m, nn.BatchNorm2d)]
    biases = [_fill(conv, *folded[i]) for i, conv in enumerate(trunk)]
    hooks = [norm.register_forward_pre_hook(_as_identity(bias)) for norm, bias in zip(norms, biases, strict=True)]
    net.train()
    with torch.no_grad():
        net(sample)
    for hook in hooks:
        hook.remove()
    return net


def _as_identity(bias: torch.Tensor) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
    """Return a hook that sets a normalisation to add `bias` and change nothing else on the next batch."""

    def hook(norm: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        x = inputs[0]
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        norm.weight.data.copy_((variance + norm.eps).sqrt())
        norm.bias.data.copy_(mean + bias)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    return hook


def _fill(conv: nn.Conv2d, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    if conv.weight.shape != weight.shape:
        raise ValueError(f"the trunk's convolution is {tuple(weight.shape)}, expected {tuple(conv.weight.shape)}")
    conv.weight.data.copy_(weight)
    return bias


def _folded(path: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return weight and bias of every convolution of the ONNX file, in order."""
    graph = onnx.load(str(path)).graph
    tensors = {entry.name: entry for entry in graph.initializer}
    names = [node.input for node in graph.node if node.op_type == "Conv"]
    return [(_tensor(tensors[name[1]]), _tensor(tensors[name[2]])) for name in names if len(name) > 2]


def _tensor(entry: onnx.TensorProto) -> torch.Tensor:
    return torch.from_numpy(np.array(numpy_helper.to_array(entry)))


def _convolution(before: int, after: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
