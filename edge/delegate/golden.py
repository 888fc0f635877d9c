"""Golden inputs: images of faces on which a delegate must agree with the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from edge import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Floats, Image

_INPUTS = 4
_MOST = 0.4
"""Largest root mean square of the differences, in standard deviations of the CPU's outputs. Other kernels of the same
runtime, without XNNPACK, differ by up to 0.17 (face models) and 0.02 (mask model); outputs without meaning by 1 or
more."""


def inputs(size_px: tuple[int, int]) -> list[Image]:
    """Return uint8 (height, width, 3) BGR mosaics of the golden crops that ship with the mask model, a few of them."""
    with np.load(paths.models() / "mask" / "golden.npz") as golden:
        crops = golden["images"]
    return [_mosaic(crops, size_px, _INPUTS * first) for first in range(_INPUTS)]


def difference(expected: Sequence[Sequence[Floats]], found: Sequence[Sequence[Floats]]) -> str:
    """Return in words how outputs differ from the expected ones, empty if by no more than kernels may.

    Both hold a list of outputs for each input.
    """
    for number, (these, those) in enumerate(zip(zip(*expected, strict=True), zip(*found, strict=True), strict=True)):
        right, other = (np.concatenate([tensor.ravel() for tensor in tensors]) for tensors in (these, those))
        # not `>`: NaN in an output is a difference
        off = float(np.sqrt(np.mean((right - other) ** 2)) / max(float(right.std()), 1e-6))
        if not off <= _MOST:
            return f"output {number} differs from the CPU's by {off:.1f} standard deviations, {_MOST} are allowed"
    return ""


def _mosaic(crops: Image, size_px: tuple[int, int], first: int) -> Image:
    """Return crops (N, S, S, 3) side by side, from `first` on and again from the start, cut to a size."""
    width_px, height_px = size_px
    side_px = crops.shape[1]
    columns, rows = -(-width_px // side_px), -(-height_px // side_px)
    chosen = crops[(first + np.arange(rows * columns)) % len(crops)]
    grid = chosen.reshape(rows, columns, *crops.shape[1:]).swapaxes(1, 2)
    whole = grid.reshape(rows * side_px, columns * side_px, crops.shape[3])
    return cast("Image", np.ascontiguousarray(whole[:height_px, :width_px]))
