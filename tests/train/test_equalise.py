"""Channels are equalised for int8: equal peaks, the same function.  Runs if the extra `train` is installed."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed: pip install -e '.[train]'")

from models.train.mask.equalise import equalise, peaks  # noqa: E402 - they need torch
from models.train.mask.logits import of_net  # noqa: E402
from models.train.mask.network import MaskNet, Plan  # noqa: E402
from tests.support.people import stored_face  # noqa: E402


@pytest.fixture(scope="module")
def nets():
    """A small network with very unequal channels, the same network equalised, and images."""
    torch.manual_seed(3)
    net = MaskNet(Plan(size_px=32, blocks=7, head=16))
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data = torch.exp(torch.randn_like(module.weight))
            module.bias.data = torch.randn_like(module.bias)
            module.running_mean += torch.randn_like(module.running_mean)
    images = [np.ascontiguousarray(stored_face(person)[0][24:88:2, 24:88:2]) for person in (0, 1)]
    even = copy.deepcopy(net)
    equalise(even, images)
    return net, even, images


def test_the_logits_are_unchanged(nets):
    net, even, images = nets
    others = [image[::-1].copy() for image in images]
    before, after = (of_net(each, images + others) for each in (net, even))
    assert np.abs(before).max() > 0.1
    assert np.abs(after - before).max() < 1e-3 * np.abs(before).max()


def test_the_inputs_of_a_depthwise_convolution_have_equal_peaks_except_inactive_channels(nets):
    net, even, images = nets

    def alike(each: MaskNet) -> list[float]:
        return sorted(float((peak > 0.95 * peak.max()).float().mean()) for peak in peaks(each, images))

    depthwise = 1 + 6 + 1  # of the stem, of six blocks that widen, of the head
    assert len(peaks(net, images)) == 1 + 1 + 2 * 6 + 2
    assert max(alike(net)) < 0.3
    assert min(alike(even)[-depthwise:]) > 0.4
