"""No model needs more instructions per image than at the last release."""

from __future__ import annotations

import platform
from pathlib import Path

from benchmarks.instructions import MODELS, Costs, Count, budget, by_qemu, by_valgrind, per_image_m
from tests.release.step import Failed, program, run

TOLERANCE = 0.02
"""Part of the budget; counts of one model repeat within 0.5 % under valgrind and qemu (five models)."""


def check(root: Path) -> str:
    """Return the largest excess over the budget, counted on both processors."""
    costs: Costs = {}
    for processor, count in counters(root).items():
        costs |= {(processor, model): per_image_m(model, count) for model in MODELS}
    wrong = excesses(costs, budget())
    if wrong:
        raise Failed(f"{len(wrong)} of {len(costs)} counts above the budget", "\n".join(wrong))
    worst = max(costs[key] / budget()[key] - 1 for key in costs)
    return f"{len(costs)} counts, at most {worst:+.1%} of the last release"


def counters(root: Path) -> dict[str, Count]:
    """Return how to count by processor: on this machine, and a Raspberry Pi's kernels."""
    if platform.machine() != "x86_64":
        raise Failed(f"the budget is for x86_64 and aarch64 under qemu, this machine is {platform.machine()}")
    program("valgrind", "valgrind")
    program("qemu-aarch64", "qemu-user")
    run("make", "build/arm64/python", cwd=root)
    return {"x86_64": by_valgrind, "aarch64": by_qemu(root / "build/arm64")}


def excesses(costs: Costs, allowed: Costs) -> list[str]:
    """Return a sentence for each count that has no budget or is above it."""
    wrong = []
    for key, cost in costs.items():
        name = " of ".join(reversed(key))
        if key not in allowed:
            wrong.append(f"{name}: no budget; fix: python -m benchmarks.instructions --write")
        elif cost > allowed[key] * (1 + TOLERANCE):
            wrong.append(f"{name}: {cost:.2f} M instructions per image, {allowed[key]:.2f} M at the last release")
    return wrong
