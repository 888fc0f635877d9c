"""Even out the channels of a mask network before int8, which has one scale for all channels of an activation.

Behind a ReLU a channel may be multiplied by any positive gain if the next convolution divides by it: the function
stays, the rounding does not. Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
Correction, 2019 (arXiv:1906.04721); here with peaks that were measured instead of bounds from the normalisations.
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
"""A channel that hardly ever speaks is raised no further against the loudest one."""


def equalise(net: MaskNet, images: list[Image]) -> None:
    """Change the gains of the network's channels so that they peak alike on BGR crops as served.

    A depthwise convolution has a scale for each channel, so its inputs can all peak at one. Weights of any other share
    a scale across its inputs: there peaks and weights meet halfway (equation 11 of the source).
    """
    for (norm, _, reader), peak in zip(_readings(net), peaks(net, images), strict=True):
        loud = peak.clamp_min(float(peak.max()) / _MOST)
        depthwise = reader.groups > 1
        gain = 1 / loud if depthwise else (reader.weight.data.abs().amax((0, 2, 3)) / loud).sqrt()
        norm.weight.data *= gain
        norm.bias.data *= gain
        reader.weight.data /= gain.view((-1, 1, 1, 1) if depthwise else (1, -1, 1, 1))


def peaks(net: MaskNet, images: list[Image]) -> list[torch.Tensor]:
    """Return the largest value (C,) of each channel behind each ReLU that `equalise` changes, in order."""
    highest = [torch.zeros(norm.num_features) for norm, _, _ in _readings(net)]

    def watch(place: int, seen: torch.Tensor) -> None:
        highest[place] = torch.maximum(highest[place], seen.amax((0, 2, 3)))

    hooks = [
        relu.register_forward_hook(lambda _module, _given, seen, place=place: watch(place, seen))
        for place, (_, relu, _) in enumerate(_readings(net))
    ]
    of_net(net, images)
    for hook in hooks:
        hook.remove()
    return highest


def _readings(net: MaskNet) -> list[tuple[nn.BatchNorm2d, nn.ReLU, nn.Conv2d]]:
    """Return each normalisation whose output passes a ReLU and is read by one convolution alone."""
    chains = [[*net.stem, *net.blocks[0].layers], *([*block.layers] for block in net.blocks[1:]), [*net.head]]
    at_rest = [[layer for layer in chain if not isinstance(layer, nn.Dropout)] for chain in chains]
    triples = [triple for chain in at_rest for triple in zip(chain, chain[1:], chain[2:], strict=False)]
    return [triple for triple in triples if isinstance(triple[1], nn.ReLU)]
