"""Train the mask network on crops and drawings.

    python -m models.train.mask.train WORK CENTERFACE.onnx [--without SOURCE] [--name shipped] [--epochs 14] [--seed 1]

Writes WORK/nets/NAME.pt; continues from WORK/nets/NAME.state.pt if a run was interrupted.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.train.centerface import weights_file
from models.train.mask.augment import Strength
from models.train.mask.batches import Epoch, Pool, loader, pool
from models.train.mask.network import MaskNet, Plan, pretrained
from models.train.stamp import fresh, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_CODE = [
    *(Path(__file__).with_name(f"{name}.py") for name in ("augment", "batches", "network", "train")),
    *(Path(__file__).parent.with_name(f"{name}.py") for name in ("geometry", "leaks", "likeness", "store")),
]
"""The code that a trained network depends on, in addition to its images."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train; `faces` per epoch."""

    epochs: int = 14
    faces: int = 12_800
    batch: int = 64
    rate: float = 1.5e-3
    decay: float = 0.02
    smoothing: float = 0.05
    seed: int = 1


def train(source: Pool, weights: Path, plan: Plan, schedule: Schedule, state: Path) -> MaskNet:
    """Return the trained network (the running average of its weights)."""
    torch.manual_seed(schedule.seed)
    torch.use_deterministic_algorithms(mode=True)
    net = pretrained(plan, weights, _sample(source, plan, schedule)).to(memory_format=torch.channels_last)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True)
    optimiser = torch.optim.AdamW(_groups(net, schedule.decay), lr=schedule.rate)
    first = _resumed(state, net, average, optimiser)
    for epoch in range(first, schedule.epochs):
        started = time.monotonic()
        loss, accuracy = _epoch(net, average, optimiser, source, plan, schedule, epoch)
        log.info(
            "epoch %d/%d loss %.3f accuracy %.3f %.0f s",
            epoch + 1,
            schedule.epochs,
            loss,
            accuracy,
            time.monotonic() - started,
        )
        torch.save(
            {
                "epoch": epoch + 1,
                "net": net.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
            },
            state,
        )
    trained: MaskNet = average.module
    return trained.eval()


def _sample(source: Pool, plan: Plan, schedule: Schedule) -> torch.Tensor:
    """Return 256 training faces, float (256, 3, S, S), to initialise the normalisations."""
    epoch = Epoch(source, count=256, size_px=plan.size_px, seed=(schedule.seed, 10_000), strength=Strength())
    return torch.stack([epoch[i][0] for i in range(len(epoch))])


def _groups(net: nn.Module, decay: float) -> list[dict[str, object]]:
    """Return parameter groups: weight decay on kernels only."""
    kernels = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def _epoch(
    net: MaskNet,
    average: AveragedModel,
    optimiser: torch.optim.Optimizer,
    source: Pool,
    plan: Plan,
    schedule: Schedule,
    number: int,
) -> tuple[float, float]:
    """Train one epoch; return mean loss and accuracy."""
    net.train()
    faces = Epoch(source, count=schedule.faces, size_px=plan.size_px, seed=(schedule.seed, number), strength=Strength())
    steps = schedule.faces // schedule.batch
    total_loss = total_accuracy = 0.0
    for (images, labels), rate in zip(loader(faces, schedule.batch), _rates(schedule, number, steps), strict=False):
        for group in optimiser.param_groups:
            group["lr"] = rate
        logits = net(images.contiguous(memory_format=torch.channels_last))
        loss = nn.functional.cross_entropy(logits, labels, label_smoothing=schedule.smoothing)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        average.update_parameters(net)
        total_loss += float(loss.detach())
        total_accuracy += float((logits.argmax(1) == labels).float().mean())
    return total_loss / steps, total_accuracy / steps


def _rates(schedule: Schedule, number: int, steps: int) -> Iterator[float]:
    """Yield the learning rate of each step: half an epoch of warm-up, then half a cosine."""
    for step in range(steps):
        done = (number + step / steps) / schedule.epochs
        yield schedule.rate * min(1.0, done * schedule.epochs / 0.5 + 0.02) * 0.5 * (1 + math.cos(math.pi * done))


def _resumed(state: Path, net: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Load the state of an interrupted run, and return the epoch to continue with."""
    if not state.exists():
        return 0
    saved = torch.load(state, weights_only=True)
    net.load_state_dict(saved["net"])
    average.load_state_dict(saved["average"])
    optimiser.load_state_dict(saved["optimiser"])
    return int(saved["epoch"])


def load_net(path: Path) -> MaskNet:
    """Return a network that `main` wrote, in evaluation mode."""
    saved = torch.load(path, weights_only=True)
    net = MaskNet(Plan(**saved["plan"]))
    net.load_state_dict(saved["net"])
    return net.eval()


def main() -> None:
    """Train one network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--without", default="")
    parser.add_argument("--name", default="shipped")
    parser.add_argument("--epochs", type=int, default=Schedule().epochs)
    parser.add_argument("--faces", type=int, default=Schedule().faces, help="per epoch")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    nets = args.work / "nets"
    nets.mkdir(parents=True, exist_ok=True)
    plan = Plan(size_px=args.size, blocks=args.blocks)
    schedule = Schedule(epochs=args.epochs, faces=args.faces, seed=args.seed)
    state = nets / f"{args.name}.state.pt"
    target = nets / f"{args.name}.pt"
    folders = [args.work / name for name in ("crops", "drawn", "backgrounds")]
    faces = [path for folder in folders for path in sorted(folder.glob("*.npz"))]
    inputs = [*faces, *_CODE]
    if fresh(target, inputs, plan, schedule, args.without):
        return
    net = train(pool(args.work, without=args.without), weights_file(args.weights), plan, schedule, state)
    torch.save(
        {"plan": asdict(plan), "schedule": asdict(schedule), "without": args.without, "net": net.state_dict()}, target
    )
    stamp(target, inputs, plan, schedule, args.without)
    state.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
