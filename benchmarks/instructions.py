"""Count the aarch64 instructions that each model needs per image, under qemu: repeatable, unlike times.

    tests/platform/arm64.sh build/arm64
    python -m benchmarks.instructions build/arm64 [MODEL_FOLDER]...

A program runs a model a few times, then more often: the difference of the counts is the cost of the additional runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from edge.tflite import read_spec

ROOT = Path(__file__).parent.parent
_FEW = 1
_MORE = {"face": 5, "mask": 101}
"""Enough runs to outweigh the variation of Python's start, about fifteen million instructions."""
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


def counted(python: Path, folder: Path, runs: int) -> int:
    """Return the instructions of a program that loads a model and runs it `runs` times."""
    with tempfile.NamedTemporaryFile() as count:
        command = [str(python), "-c", _PROGRAM, str(folder), str(runs)]
        subprocess.run(command, env={**os.environ, "COUNT": count.name}, cwd=ROOT, check=True)
        return int(Path(count.name).read_text())


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arm64", type=Path, help="folder made by tests/platform/arm64.sh")
    parser.add_argument(
        "models", type=Path, nargs="*", default=[ROOT / "models" / n for n in ("face/live", "face/quality", "mask")]
    )
    args = parser.parse_args()
    for folder in args.models:
        most = _MORE[read_spec(folder).kind]
        few, more = (counted(args.arm64 / "python", folder, runs) for runs in (_FEW, most))
        print(f"{folder}: {(more - few) / (most - _FEW) / 1e6:.1f} M instructions per image")


if __name__ == "__main__":
    main()
