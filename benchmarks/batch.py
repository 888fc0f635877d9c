"""Measure `maskwatch detect` over many images: overhead over bare loops, rate, memory over time, and resuming.

    python -m benchmarks.batch FOLDER [--inputs 5000] [--rounds 10] [--kills 20] [--memory rss.csv] [--json FILE]

The inputs are links to the images of FOLDER, and each round has its part of them.

Overhead: a batch with N workers runs at the same time as N bare loops over the same models, which share the inputs.
So other programs, and the second core, which makes the first one slower, weigh on both alike. It is in CPU seconds, of
all processes, and without their start, which is that of a batch of two images.
Rate: a bare loop and the batches alone, in turn.

A last batch of all inputs is killed (SIGKILL) at random instants and goes on each time; its output must be that of the
batch that nobody killed, byte by byte.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from edge.batch.images import classify_frame, read_frame
from edge.batch.outputs import to_line
from edge.settings.load import load
from edge.stages import load_models

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SAMPLE_S = 1.0
_PAGE_MB = resource.getpagesize() / 1e6


@dataclass(frozen=True)
class Cost:
    """What a process and its children took."""

    wall_s: float
    cpu_s: float

    def without(self, start: Cost) -> Cost:
        """Return the cost of the images alone."""
        return Cost(self.wall_s - start.wall_s, self.cpu_s - start.cpu_s)


def made_inputs(folder: Path, images: Sequence[Path], number: int) -> None:
    """Fill a folder with links to images, repeated as often as needed."""
    folder.mkdir()
    for k in range(number):
        image = images[k % len(images)].resolve()
        (folder / f"{k:06}{image.suffix}").symlink_to(image)


def bare_loop(folder: Path, out: Path, profile: str, part: int, parts: int) -> None:
    """Classify every n-th image of a folder with nothing around it."""
    models = load_models(load(overrides=[f"detector.profile={profile}"]).settings, profile=profile)
    with out.open("w") as file:
        for path in sorted(folder.iterdir())[part::parts]:
            file.write(to_line(classify_frame(str(path), read_frame(path), models)))


def bare(folder: Path, out: Path, profile: str, part: int, parts: int) -> list[str]:
    """Return the command line of a bare loop."""
    return [sys.executable, "-m", "benchmarks.batch", "--bare", str(folder), str(out), profile, str(part), str(parts)]


def detect(folder: Path, out: Path, profile: str, workers: int) -> list[str]:
    """Return the command line of a batch."""
    options = ("--json", str(out), "--set", f"detector.profile={profile}", "--workers", str(workers), "--quiet")
    return [sys.executable, "-m", "edge", "detect", str(folder), *options]


def costs_of(commands: Sequence[Sequence[str]]) -> list[Cost]:
    """Run commands at the same time, and return the cost of each with that of its children."""
    began_at, order = time.monotonic(), [subprocess.Popen(command).pid for command in commands]
    costs: dict[int, Cost] = {}
    while len(costs) < len(order):
        pid, status, used = os.wait4(-1, 0)
        if status:
            sys.exit(f"a command ended with {os.waitstatus_to_exitcode(status)}")
        costs[pid] = Cost(time.monotonic() - began_at, used.ru_utime + used.ru_stime)
    return [costs[pid] for pid in order]


class Rounds:
    """The inputs of each round, and with them two images for the cost of a start."""

    def __init__(self, place: Path, images: Sequence[Path], number: int, rounds: int, profile: str) -> None:
        """Make the folders."""
        self.place, self.number, self.profile = place, rounds, profile
        made_inputs(place / "start", images, 2)
        for k in range(rounds):
            share = number // rounds
            made_inputs(place / f"round{k}", [images[(k * share + n) % len(images)] for n in range(share)], share)

    def overheads(self, workers: int) -> list[float]:
        """Return how much more CPU time a batch takes than as many bare loops at the same time, for each round."""
        return [self._overhead(f"round{k}", workers) for k in range(self.number)]

    def _overhead(self, name: str, workers: int) -> float:
        whole, start = self._side_by_side(name, workers), self._side_by_side("start", workers)
        *loops, batch = (cost.without(of_start).cpu_s for cost, of_start in zip(whole, start, strict=True))
        return batch / sum(loops) - 1

    def _side_by_side(self, name: str, workers: int) -> list[Cost]:
        outputs = [self.place / f"{name}-loop{part}.jsonl" for part in range(workers)]
        loops = [bare(self.place / name, out, self.profile, k, workers) for k, out in enumerate(outputs)]
        batch = self.place / f"{name}-batch.jsonl"
        costs = costs_of([*loops, detect(self.place / name, batch, self.profile, workers)])
        check_same([line for out in outputs for line in out.open()], list(batch.open()))
        return costs

    def costs(self) -> dict[str, list[Cost]]:
        """Return the cost of each way alone for each round."""
        ways: dict[str, list[Cost]] = {"bare loop": [], "1 worker": [], "2 workers": []}
        for k in range(self.number):
            for way in (k % 3, (k + 1) % 3, (k + 2) % 3):  # each way comes first in turn
                whole, start = self._alone(f"round{k}", way), self._alone("start", way)
                ways[list(ways)[way]].append(whole.without(start))
            check_same(*(list((self.place / f"round{k}-{way}.jsonl").open()) for way in range(3)))
        return ways

    def _alone(self, name: str, workers: int) -> Cost:
        folder, out = self.place / name, self.place / f"{name}-{workers}.jsonl"
        batch = detect(folder, out, self.profile, workers) if workers else bare(folder, out, self.profile, 0, 1)
        return costs_of([batch])[0]


def check_same(expected: list[str], *others: list[str]) -> None:
    """End the benchmark if two ways wrote different rows."""
    if any(sorted(other) != sorted(expected) for other in others):
        sys.exit("the outputs differ")


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and its children. Source: proc(5), statm and task/PID/children."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return pages * _PAGE_MB + sum(resident_mb(int(child)) for child in children)


def memory_of(command: Sequence[str]) -> list[tuple[float, float]]:
    """Run a command; return its memory over time: seconds, MB."""
    process, began_at = subprocess.Popen(command), time.monotonic()
    samples = []
    while process.poll() is None:
        samples.append((time.monotonic() - began_at, resident_mb(process.pid)))
        threading.Event().wait(_SAMPLE_S)
    if process.returncode:
        sys.exit(f"the batch ended with {process.returncode}")
    return samples


def killed_batch(command: Sequence[str], kills: int, usual_s: float, seed: int) -> list[float]:
    """Run a command to its end, killed at random instants on the way; return after how many seconds each kill came."""
    instants, chance = [], random.Random(seed)  # noqa: S311 - instants, not secrets
    for _ in range(kills):
        process, after_s = subprocess.Popen(command), chance.uniform(0, 2 * usual_s / kills)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            instants.append(after_s)
    subprocess.run(command, check=True)
    return instants


def report(ways: dict[str, list[Cost]], images: int) -> Iterator[str]:
    """Yield a line for each way: its rate."""
    for name, costs in ways.items():
        wall_s, cpu_s = sum(cost.wall_s for cost in costs), sum(cost.cpu_s for cost in costs)
        yield f"{name}: {images / wall_s:.1f} images per second, {1e3 * cpu_s / images:.2f} ms of CPU per image"


def main() -> None:
    """Print the figures."""
    if sys.argv[1:2] == ["--bare"]:
        bare_loop(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], int(sys.argv[5]), int(sys.argv[6]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--profile", default="live")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", type=Path, help="write memory over time as CSV")
    parser.add_argument("--json", type=Path, help="write the figures as JSON")
    args = parser.parse_args()
    images = sorted(path for path in args.folder.iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as place:
        measure(args, images, Path(place))


def measure(args: argparse.Namespace, images: list[Path], place: Path) -> None:
    """Print each figure as soon as it is known."""
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, profile {args.profile}, {len(images)} images",
        flush=True,
    )
    rounds = Rounds(place, images, args.inputs, args.rounds, args.profile)
    overheads = {workers: rounds.overheads(workers) for workers in (1, 2)}
    for workers, by_round in overheads.items():
        each = " ".join(f"{overhead:+.1%}" for overhead in by_round)
        print(
            f"{workers} workers against {workers} bare loops: {mean(by_round):+.1%} of CPU (by round: {each})",
            flush=True,
        )
    ways = rounds.costs()
    print("\n".join(report(ways, args.inputs // args.rounds * args.rounds)), flush=True)
    folder = place / "all"
    made_inputs(folder, images, args.inputs)
    began_at = time.monotonic()
    samples = memory_of(detect(folder, place / "whole.jsonl", args.profile, 2))
    usual_s = time.monotonic() - began_at
    tenth, rest = len(samples) // 10, [mb for _, mb in samples]
    early, late = max(rest[tenth : 2 * tenth or 1], default=0), max(rest[-2 * tenth : -tenth or None], default=0)
    print(
        f"memory, 2 workers, {args.inputs} images: {early:.0f} MB after a tenth, {late:.0f} MB near the end", flush=True
    )
    if args.memory:
        with args.memory.open("w", newline="") as file:
            csv.writer(file).writerows([("seconds", "resident_mb"), *samples])
    instants = killed_batch(detect(folder, place / "killed.jsonl", args.profile, 2), args.kills, usual_s, args.seed)
    same = (place / "killed.jsonl").read_bytes() == (place / "whole.jsonl").read_bytes()
    print(f"killed {len(instants)} times and resumed: output {'byte-identical' if same else 'DIFFERS'}")
    if args.json:
        costs = {name: [vars(cost) for cost in each] for name, each in ways.items()}
        figures = {
            "overheads": overheads,
            "ways": costs,
            "memory_mb": [early, late],
            "kills_s": instants,
            "byte_identical": same,
        }
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
