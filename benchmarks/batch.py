"""Measure `maskwatch detect` over many images: rate against a bare loop, memory over time, and resuming after kills.

    python -m benchmarks.batch FOLDER [--inputs 5000] [--rounds 5] [--kills 20] [--memory rss.csv] [--json FILE]

The inputs are links to the images of FOLDER. Each round classifies its part of them three times, in turn: by a bare
loop over the same models, with one worker and with two. Overhead is in CPU seconds, which other programs on the machine
change less than wall time, and without the start of the processes, which is that of a batch of two images. A last batch
of all inputs is killed (SIGKILL) at random instants and goes on each time; its output must be that of the batch that
nobody killed, byte by byte.
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


def bare_loop(folder: Path, out: Path, profile: str) -> None:
    """Classify the images of a folder with nothing around it."""
    models = load_models(load(overrides=[f"detector.profile={profile}"]).settings, profile=profile)
    with out.open("w") as file:
        for path in sorted(folder.iterdir()):
            file.write(to_line(classify_frame(str(path), read_frame(path), models)))


def detect(folder: Path, out: Path, profile: str, workers: int) -> list[str]:
    """Return the command line of a batch."""
    options = ("--json", str(out), "--set", f"detector.profile={profile}", "--workers", str(workers), "--quiet")
    return [sys.executable, "-m", "edge", "detect", str(folder), *options]


def cost_of(command: Sequence[str]) -> Cost:
    """Run a command, and return its cost with that of its children."""
    before, began_at = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True)
    after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began_at
    return Cost(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def compared(place: Path, images: Sequence[Path], number: int, rounds: int, profile: str) -> dict[str, list[Cost]]:
    """Return the cost of each way in each round, on the same inputs."""
    ways: dict[str, list[Cost]] = {"bare": [], "1 worker": [], "2 workers": []}
    for k in range(rounds):
        folder, few = place / f"round{k}", place / f"start{k}"
        made_inputs(folder, images, number // rounds)
        made_inputs(few, images, 2)
        outputs = [place / f"round{k}-{way}.jsonl" for way in range(3)]
        whole = commands(folder, outputs, profile)
        starts = commands(few, [place / f"start{k}-{way}.jsonl" for way in range(3)], profile)
        for way in (k % 3, (k + 1) % 3, (k + 2) % 3):  # each way comes first in turn
            ways[list(ways)[way]].append(cost_of(whole[way]).without(cost_of(starts[way])))
        if len({path.read_bytes() for path in outputs}) != 1:
            sys.exit(f"round {k}: the outputs differ")
    return ways


def commands(folder: Path, outputs: Sequence[Path], profile: str) -> list[list[str]]:
    """Return the command lines of the three ways."""
    bare = [sys.executable, "-m", "benchmarks.batch", "--bare", str(folder), str(outputs[0]), profile]
    return [bare, detect(folder, outputs[1], profile, 1), detect(folder, outputs[2], profile, 2)]


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
    """Yield a line for each way: rates, and CPU time against the bare loop."""
    bare = sum(cost.cpu_s for cost in ways["bare"])
    for name, costs in ways.items():
        wall_s, cpu_s = sum(cost.wall_s for cost in costs), sum(cost.cpu_s for cost in costs)
        ratios = " ".join(f"{c.cpu_s / b.cpu_s - 1:+.1%}" for c, b in zip(costs, ways["bare"], strict=True))
        yield (
            f"{name}: {images / wall_s:.1f} images per second, {1e3 * cpu_s / images:.2f} ms of CPU per image, "
            f"{cpu_s / bare - 1:+.1%} (by round: {ratios})"
        )


def main() -> None:
    """Print the figures."""
    if sys.argv[1:2] == ["--bare"]:
        bare_loop(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
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
    ways = compared(place, images, args.inputs, args.rounds, args.profile)
    done = args.inputs // args.rounds * args.rounds
    print("\n".join(report(ways, done)), flush=True)
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
        figures = {"ways": costs, "memory_mb": [early, late], "kills_s": instants, "byte_identical": same}
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
