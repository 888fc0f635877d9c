"""Equalise the channels of a mask network before int8, which has one scale for all channels of an activation.

After a ReLU a channel may be multiplied by any positive gain if the next convolution divides by it: the function
is unchanged, the rounding is not. Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
Correction, 2019 (arXiv:1906.04721); here with measured peaks instead of bounds from the normalisations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from models.train.mask.logits import of_net

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.train.mask.network import MaskNet

    Image = NDArray[np.uint8]

_MOST = 64.0
"""Limit of the gain of a channel that is almost always near 0, relative to the largest channel."""


def equalise(net: MaskNet, images: list[Image]) -> None:
    """Change the gains of the network's channels so that they have equal peaks on BGR crops as served.

    A depthwise convolution has a scale for each channel, so the peaks of its inputs can all be 1. In other convolutions
    the weights of all inputs share a scale, so the gain is split between peaks and weights (equation 11 of the source).
    """
    for (norm, _, reader), peak in zip(_readings(net), peaks(net, images), strict=True):
        limited = peak.clamp_min(float(peak.max()) / _MOST)
        depthwise = reader.groups > 1
        gain = 1 / limited if depthwise else (reader.weight.data.abs().amax((0, 2, 3)) / limited).sqrt()
        norm.weight.data *= gain
        norm.bias.data *= gain
        reader.weight.data /= gain.view((-1, 1, 1, 1) if depthwise else (1, -1, 1, 1))


def peaks(net: MaskNet, images: list[Image]) -> list[torch.Tensor]:
    """Return the largest value (C,) of each channel after each ReLU that `equalise` changes, in order."""
    highest = [torch.zeros(norm.num_features) for norm, _, _ in _readings(net)]

    def record(place: int, output: torch.Tensor) -> None:
        highest[place] = torch.maximum(highest[place], output.amax((0, 2, 3)))

    hooks = [
        relu.register_forward_hook(lambda _module, _input, output, place=place: record(place, output))
        for place, (_, relu, _) in enumerate(_readings(net))
    ]
    of_net(net, images)
    for hook in hooks:
        hook.remove()
    return highest


def _readings(net: MaskNet) -> list[tuple[nn.BatchNorm2d, nn.ReLU, nn.Conv2d]]:
    """Return each normalisation with the ReLU after it and the only convolution that reads its output."""
    chains = [[*net.stem, *net.blocks[0].layers], *([*block.layers] for block in net.blocks[1:]), [*net.head]]
    at_rest = [[layer for layer in chain if not isinstance(layer, nn.Dropout)] for chain in chains]
    triples = [triple for chain in at_rest for triple in zip(chain, chain[1:], chain[2:], strict=False)]
    return [triple for triple in triples if isinstance(triple[1], nn.ReLU)]
