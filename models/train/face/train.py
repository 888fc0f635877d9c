"""Train the small face detector: CenterFace pruned, then distilled from CenterFace at twice the resolution.

    python -m models.train.face.train --cache CACHE --state STATE.pt [--start FILE.tflite] [--steps 12000]

CACHE comes from face/scenes.py. Training continues from STATE.pt if it exists. In float32 and with the instruction set
that `models.train.face.pipeline` sets, the same scenes give the same network.
"""

from __future__ import annotations

import argparse
import copy
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.nn import functional

from models.train.face.augment import augmented, cut
from models.train.face.convert import GROWN, fetch
from models.train.face.dequantised import dequantised
from models.train.face.network import INPUT_SCALE, SMALL, Net, centerface
from models.train.face.pruning import pruned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.data import Floats, Image

_PRUNING_IMAGES = 96
_WARM_UP_STEPS = 150
_EMA = 0.998
_FACE_HEAT = 0.3
"""Minimum heat of the cells that contribute to the loss of size, offset and landmarks."""
_MIN_FACE_PX = 6
"""Smaller faces are ignored in the loss."""
_SAVE_STEPS = 250
_WINDOW_PX = (192, 256)
"""Most steps use a window of each scene: 0.6 of the cost, and faces at any position."""
_FULL_EVERY = 4
_WINDOWS_SHARE = 0.95
"""The last steps use whole scenes only."""


class Cache:
    """The rendered scenes of all parts, read from disk as needed."""

    def __init__(self, folder: Path) -> None:
        """Open CACHE/images-*.npy and CACHE/targets-*.npy."""
        parts = sorted(path.name.removeprefix("images-") for path in folder.glob("images-*.npy"))
        self._images = [np.load(folder / f"images-{part}", mmap_mode="r") for part in parts]
        self._targets = [np.load(folder / f"targets-{part}", mmap_mode="r") for part in parts]
        self._places = [(part, row) for part, images in enumerate(self._images) for row in range(len(images))]

    def __len__(self) -> int:
        return len(self._places)

    def take(self, rows: list[int]) -> tuple[Image, Floats]:
        """Return uint8 (N, H, W, 3) RGB images and float32 (N, 15, h, w) targets."""
        places = [self._places[row] for row in rows]
        images = np.stack([self._images[part][row] for part, row in places])
        return images, np.stack([self._targets[part][row] for part, row in places]).astype(np.float32)


def batches(count: int, size: int, first_step: int) -> Iterator[tuple[int, list[int]]]:
    """Yield (step, rows) from `first_step` on; the order of an epoch depends on its number alone."""
    per_epoch = count // size
    step = first_step
    while True:
        order = np.random.default_rng(step // per_epoch).permutation(count)
        for at in range(step % per_epoch, per_epoch):
            yield step, order[at * size : (at + 1) * size].tolist()
            step += 1


def loss_of(outputs: list[torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
    """Return the quality focal loss of the heat plus L1 of size, offset and landmarks on faces.

    Source: Li et al., Generalized Focal Loss, 2020 (arXiv:2006.04388), equation 4, beta = 2.
    """
    heat, size, offset, landmarks = outputs
    wanted = targets[:, :1].clamp(0, 1)
    tiny = (targets[:, 1:3].amin(1, keepdim=True).exp() * 4 < _MIN_FACE_PX) & (wanted > 0.1)
    misses = (heat.sigmoid() - wanted).square() * functional.binary_cross_entropy_with_logits(
        heat, wanted, reduction="none"
    )
    weight = wanted * (wanted > _FACE_HEAT) * ~tiny
    total = weight.sum().clamp_min(1)
    parts = ((size, targets[:, 1:3], 1.0), (offset, targets[:, 3:5], 0.5), (landmarks, targets[:, 5:], 0.1))
    places = sum(w * (functional.smooth_l1_loss(a, b, beta=0.1, reduction="none") * weight).sum() for a, b, w in parts)
    return ((misses * ~tiny).sum() * 4 + places) / total


def rate(step: int, steps: int, peak: float) -> float:
    """Return the learning rate: linear warm-up, then a cosine."""
    warm = min(1.0, (step + 1) / _WARM_UP_STEPS)
    return peak * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * step / steps)) / 2)


def train(args: argparse.Namespace) -> None:
    """Train and write STATE.pt."""
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(mode=True)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    cache = Cache(args.cache)
    net, average, optimiser, first = _begin(args.state, args.start, cache)
    started = time.monotonic()
    running = 0.0
    for step, rows in batches(len(cache), args.batch, first):
        if step >= args.steps:
            break
        running += (_step(net, optimiser, cache, rows, step, args) - running) / min(50, step - first + 1)
        with torch.no_grad():
            keep = min(_EMA, (step + 1) / (step + 10))
            for old, new in zip(average.parameters(), net.parameters(), strict=True):
                old.lerp_(new, 1 - keep)
        if (step + 1) % _SAVE_STEPS == 0 or step + 1 == args.steps:
            _save(args.state, net, average, optimiser, step + 1)
            speed = (step + 1 - first) * args.batch / (time.monotonic() - started)
            sys.stderr.write(f"step {step + 1} loss {running:.4f} {speed:.1f} images/s\n")


def _begin(state: Path, start: Path | None, cache: Cache) -> tuple[Net, Net, torch.optim.Optimizer, int]:
    """Return net, average, optimiser and step: from STATE.pt, or else from a small detector, or CenterFace pruned."""
    saved = torch.load(state) if state.exists() else None
    if saved is not None:
        net = Net(SMALL)
        net.load_state_dict(saved["net"])
    elif start is not None:
        net = dequantised(start, SMALL, GROWN)
    else:
        images, _ = cache.take(list(range(min(_PRUNING_IMAGES, len(cache)))))
        net = pruned(centerface(fetch()), SMALL, torch.from_numpy(images).permute(0, 3, 1, 2) / INPUT_SCALE)
    net = net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    average = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-4)
    if saved is not None:
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
    return net, average, optimiser, 0 if saved is None else saved["step"]


def _step(
    net: Net, optimiser: torch.optim.Optimizer, cache: Cache, rows: list[int], step: int, args: argparse.Namespace
) -> float:
    rng = np.random.default_rng((1, step))
    images, targets = cache.take(rows)
    if step % _FULL_EVERY and step < args.steps * _WINDOWS_SHARE:
        images, targets = cut(images, targets, *_WINDOW_PX, rng)
    changed, wanted = augmented(images, targets, rng)
    x = torch.from_numpy(changed).permute(0, 3, 1, 2).float() / INPUT_SCALE
    loss = loss_of(net(x), torch.from_numpy(wanted))
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
    for group in optimiser.param_groups:
        group["lr"] = rate(step, args.steps, args.rate)
    optimiser.step()
    return loss.item()


def _save(state: Path, net: Net, average: Net, optimiser: torch.optim.Optimizer, step: int) -> None:
    content = {"net": net.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
    unfinished = state.with_suffix(".part")
    torch.save(content | {"step": step}, unfinished)
    unfinished.replace(state)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="model.tflite of a small detector to continue from")
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
