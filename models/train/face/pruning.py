"""Prune CenterFace without training: narrower streams by principal components, fewer hidden channels by regression.

Between two inverted residuals there is no activation, so a stream of channels may be rotated: it is expressed in the
directions with the largest effect on its readers (a principal component analysis weighted by their weights), and the
others are dropped. In each block the hidden channels that best predict the teacher's output are chosen one by one
(orthogonal matching pursuit), and the projection is fitted again by least squares on the outputs of the pruned network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from models.train.face.network import Block, Net, NetSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RIDGE = 1e-4
_BATCH = 8
_SAMPLES = 60_000


@dataclass(frozen=True, slots=True)
class Stream:
    """A rotated stream: code = encode (x - mean), x is about mean + decode code."""

    mean: torch.Tensor
    encode: torch.Tensor
    decode: torch.Tensor


@torch.no_grad()
def pruned(teacher: Net, spec: NetSpec, images: torch.Tensor) -> Net:
    """Return a network of the given widths that behaves like the teacher on float (N, 3, H, W) `images`."""
    student = Net(spec).eval()
    kept = {block.spec.source: block for block in teacher.blocks}
    streams = _streams(teacher, student, images)
    _first(teacher, student, streams[0], images)
    teacher_x, student_x = functional.relu(teacher.stem(images)), functional.relu(student.stem(images))
    for i, block in enumerate(student.blocks):
        for source in range(_previous(student, i) + 1, block.spec.source + 1):
            teacher_x = _batched(kept[source], teacher_x)
        if i > 0:
            _fit(block, kept[block.spec.source], streams[i - 1], streams[i], student_x, teacher_x)
        student_x = _batched(block, student_x)
    _copy_pyramid(teacher, student, streams)
    return student


def _previous(student: Net, i: int) -> int:
    return student.blocks[i - 1].spec.source if i else 0


def _batched(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    return torch.cat([function(part) for part in x.split(_BATCH)])


def _streams(teacher: Net, student: Net, images: torch.Tensor) -> list[Stream]:
    """Return for each block of the student the stream that it writes; blocks connected by residuals share one."""
    streams: list[Stream] = []
    widths = [block.spec.out for block in teacher.blocks]
    written = _written(teacher, images)
    for i, block in enumerate(student.blocks):
        if block.spec.residual:
            streams.append(streams[-1])
            continue
        members = _members(teacher, block.spec.source)
        if block.spec.source == teacher.blocks[-1].spec.source:
            width = widths[-1]
            streams.append(Stream(torch.zeros(width), torch.eye(width), torch.eye(width)))
            continue
        samples = torch.cat([written[source] for source in members], 1)
        streams.append(_rotated(samples, _readers(teacher, members), student.blocks[i].spec.out))
    return streams


def _members(teacher: Net, source: int) -> list[int]:
    """Return the block and the residual blocks after it."""
    members = [source]
    for block in teacher.blocks[source:]:
        if not block.spec.residual:
            break
        members.append(block.spec.source)
    return members


def _written(teacher: Net, images: torch.Tensor) -> dict[int, torch.Tensor]:
    """Return samples (channels, n) of each block's output."""
    samples: dict[int, list[torch.Tensor]] = {block.spec.source: [] for block in teacher.blocks}
    for part in images.split(_BATCH):
        x = functional.relu(teacher.stem(part))
        for block in teacher.blocks:
            x = block(x)
            step = max(1, x.shape[2] // 16)
            samples[block.spec.source].append(x[:, :, ::step, ::step].transpose(0, 1).flatten(1))
    return {source: torch.cat(parts, 1) for source, parts in samples.items()}


def _readers(teacher: Net, members: list[int]) -> torch.Tensor:
    """Return the stacked 1 x 1 weights (outputs, channels) that read a stream."""
    readers = [teacher.blocks[source].expand.weight[:, :, 0, 0] for source in members if source < len(teacher.blocks)]
    taps = [block.spec.source for block in teacher.blocks if block.spec.tap]
    readers += [
        2 * lateral.weight[:, :, 0, 0]
        for tap, lateral in zip(reversed(taps), teacher.laterals, strict=True)
        if tap in members
    ]
    return torch.cat(readers)


def _rotated(samples: torch.Tensor, readers: torch.Tensor, width: int) -> Stream:
    """Return the stream of `width` directions that preserves most of the outputs of its readers."""
    mean = samples.mean(1)
    values, vectors = torch.linalg.eigh((readers.T @ readers).double())
    root = values.clamp_min(values.max() * 1e-6).sqrt()
    see = (vectors * root) @ vectors.T
    unsee = (vectors / root) @ vectors.T
    seen = see @ (samples - mean[:, None]).double()
    basis = torch.linalg.eigh(seen @ seen.T / seen.shape[1])[1].flip(1)[:, :width]
    scale = (basis.T @ seen).std(1).clamp_min(1e-6)
    return Stream(mean, ((basis / scale).T @ see).float(), (unsee @ (basis * scale)).float())


def _first(teacher: Net, student: Net, stream: Stream, images: torch.Tensor) -> None:
    """Choose the first filters: each is followed by its own depthwise filter, then by a projection."""
    old, new = teacher.blocks[0], student.blocks[0]
    hidden = _batched(lambda part: old.hidden(functional.relu(teacher.stem(part))), images)
    target = _encoded(stream, _batched(old.project, hidden))
    picked = _project(new, hidden, target)
    student.stem.weight.copy_(teacher.stem.weight[picked])
    student.stem.bias.copy_(teacher.stem.bias[picked])
    new.depthwise.weight.copy_(old.depthwise.weight[picked])
    new.depthwise.bias.copy_(old.depthwise.bias[picked])


def _encoded(stream: Stream, x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("kc,nchw->nkhw", stream.encode, x - stream.mean[None, :, None, None])


def _fit(
    new: Block, old: Block, read: Stream, written: Stream, student_x: torch.Tensor, teacher_y: torch.Tensor
) -> None:
    """Prune one block: `student_x` is its input, `teacher_y` the output of the teacher's block."""
    weight = old.expand.weight[:, :, 0, 0]
    full = Block(read.encode.shape[0], old.spec, expand=True)
    full.expand.weight.copy_((weight @ read.decode)[:, :, None, None])
    full.expand.bias.copy_(old.expand.bias + weight @ read.mean)
    full.depthwise.load_state_dict(old.depthwise.state_dict())
    target = _encoded(written, teacher_y)
    if new.spec.residual:
        target -= student_x
    hidden = _batched(full.hidden, student_x)
    picked = _project(new, hidden, target)
    new.expand.weight.copy_(full.expand.weight[picked])
    new.expand.bias.copy_(full.expand.bias[picked])
    new.depthwise.weight.copy_(old.depthwise.weight[picked])
    new.depthwise.bias.copy_(old.depthwise.bias[picked])


def _project(new: Block, hidden: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Fit the block's projection to the target; return the hidden channels chosen for it."""
    generator = torch.Generator().manual_seed(0)
    count = hidden.shape[0] * hidden.shape[2] * hidden.shape[3]
    places = torch.randperm(count, generator=generator)[:_SAMPLES]
    inputs = hidden.permute(0, 2, 3, 1).reshape(count, -1)[places].double()
    outputs = target.permute(0, 2, 3, 1).reshape(count, -1)[places].double()
    means = inputs.mean(0), outputs.mean(0)
    inputs, outputs = inputs - means[0], outputs - means[1]
    covariance, cross = inputs.T @ inputs / len(inputs), inputs.T @ outputs / len(inputs)
    picked = _pursuit(covariance, cross, new.spec.hidden)
    own = covariance[picked][:, picked]
    own += torch.eye(len(picked)).double() * own.diagonal().mean() * _RIDGE
    weight = torch.linalg.solve(own, cross[picked]).T
    new.project.weight.copy_(weight[:, :, None, None])
    new.project.bias.copy_(means[1] - weight @ means[0][picked])
    return picked


def _pursuit(covariance: torch.Tensor, cross: torch.Tensor, count: int) -> torch.Tensor:
    """Return `count` inputs that explain most of the outputs, chosen one by one."""
    covariance, cross = covariance.clone(), cross.clone()
    floor = covariance.diagonal().clone() * 1e-3 + 1e-12
    picked: list[int] = []
    for _ in range(count):
        left = covariance.diagonal()
        gain = cross.square().sum(1) / left.clamp_min(floor) * (left > floor)
        gain[picked] = -1
        best = int(gain.argmax())
        picked.append(best)
        column = covariance[:, best] / left[best].clamp_min(1e-12).sqrt()
        cross -= column[:, None] * (cross[best] / left[best].clamp_min(1e-12).sqrt())
        covariance -= column[:, None] * column[None]
    return torch.tensor(sorted(picked))


def _copy_pyramid(teacher: Net, student: Net, streams: list[Stream]) -> None:
    """Copy upsampling and outputs; the laterals read rotated streams; the 3 x 3 before the outputs is separated."""
    taps = [i for i, block in enumerate(student.blocks) if block.spec.tap]
    for i, new, old in zip(reversed(taps), student.laterals, teacher.laterals, strict=True):
        weight = old.weight[:, :, 0, 0]
        new.weight.copy_((weight @ streams[i].decode)[:, :, None, None])
        new.bias.copy_(old.bias + weight @ streams[i].mean)
    student.ups.load_state_dict(teacher.ups.state_dict())
    student.outputs.load_state_dict(teacher.outputs.state_dict())
    student.head.bias.copy_(teacher.head.bias)
    if student.head_depthwise is None:
        student.head.weight.copy_(teacher.head.weight)
        return
    for channel, (spatial, mixed) in enumerate(_separated(teacher.head.weight, student.spec.head_rank)):
        rows = slice(channel * student.spec.head_rank, (channel + 1) * student.spec.head_rank)
        student.head_depthwise.weight[rows, 0] = spatial
        student.head.weight[:, rows, 0, 0] = mixed


def _separated(weight: torch.Tensor, rank: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield for each input channel its best `rank` 3 x 3 filters and their (outputs, rank) mixture."""
    for channel in range(weight.shape[1]):
        u, s, v = torch.linalg.svd(weight[:, channel].reshape(weight.shape[0], -1), full_matrices=False)
        root = s[:rank].sqrt()
        yield (root[:, None] * v[:rank]).reshape(rank, 3, 3), u[:, :rank] * root
