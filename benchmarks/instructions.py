"""Count the instructions that each model needs per image: repeatable, unlike times. The budget is instructions.csv.

    python -m benchmarks.instructions                       # of this x86_64, by valgrind
    tests/platform/arm64.sh build/arm64
    python -m benchmarks.instructions --arm64 build/arm64   # of a Raspberry Pi's kernels, by qemu
    python -m benchmarks.instructions ... --write           # at a release: these become the budget

A program runs a model a few times, then more often: the difference of the counts is the cost of the additional runs.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUDGET = Path(__file__).parent / "instructions.csv"
Count = Callable[[list[str]], int]
"""Returns the instructions of a Python program with its arguments."""
Costs = dict[tuple[str, str], float]
"""Millions of instructions per image, by processor and model."""
_FEW = 1
MODELS = {
    "face/live": 41,
    "face/verifier": 161,
    "face/verifier-large": 81,
    "face/balanced": 17,
    "face/quality": 9,
    "mask": 401,
}
_OTHER = 9
"""With enough runs to outweigh the variation of Python's start, about fifteen million instructions."""
_PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from edge.tflite import Model
model = Model(Path(sys.argv[1]))
image = np.random.default_rng(1).integers(0, 256, (*model.size_px[::-1], 3), np.uint8)
for _ in range(int(sys.argv[2])):
    model.run(image)
"""


def by_qemu(arm64: Path) -> Count:
    """Return how to count aarch64 instructions, with the folder that tests/platform/arm64.sh makes."""

    def count(arguments: list[str]) -> int:
        with tempfile.NamedTemporaryFile() as output:
            environment = {**os.environ, "COUNT": output.name}
            subprocess.run([str(arm64 / "python"), *arguments], env=environment, cwd=ROOT, check=True)
            return int(Path(output.name).read_text().split()[0])

    return count


def by_valgrind(arguments: list[str]) -> int:
    """Return the instructions of a Python program on this machine."""
    words = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    # without a fixed seed, sets and dictionaries of text collide differently in each run
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [*words, sys.executable, *arguments]
    done = subprocess.run(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=True)
    (refs,) = re.findall(r"I +refs: +([\d,]+)", done.stderr)
    return int(refs.replace(",", ""))


def per_image_m(model: str, count: Count) -> float:
    """Return the millions of instructions that a model needs per image; `model` may be the path of another folder."""
    most, folder = MODELS.get(model, _OTHER), str(ROOT / "models" / model)
    few, more = (count(["-c", _PROGRAM, folder, str(runs)]) for runs in (_FEW, most))
    return (more - few) / (most - _FEW) / 1e6


def budget() -> Costs:
    """Return what the last release needed."""
    with BUDGET.open(newline="") as file:
        return {(row["processor"], row["model"]): float(row["instructions_m"]) for row in csv.DictReader(file)}


def write_budget(costs: Costs) -> None:
    """Replace the costs of the counted processors in the budget."""
    with BUDGET.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["processor", "model", "instructions_m"])
        rows.writerows([processor, model, f"{cost:.2f}"] for (processor, model), cost in sorted(costs.items()))


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[*MODELS], help="such as face/live")
    parser.add_argument("--arm64", type=Path, help="folder made by tests/platform/arm64.sh")
    parser.add_argument("--write", action="store_true", help="write the counts into instructions.csv")
    args = parser.parse_args()
    processor, count = ("aarch64", by_qemu(args.arm64)) if args.arm64 else ("x86_64", by_valgrind)
    costs = {}
    for model in args.models:
        costs[processor, model] = per_image_m(model, count)
        print(f"{model}: {costs[processor, model]:.2f} M {processor} instructions per image", flush=True)
    if args.write:
        write_budget((budget() if BUDGET.exists() else {}) | costs)


if __name__ == "__main__":
    main()
