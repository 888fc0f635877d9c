"""How many aarch64 instructions one picture costs each model, counted under qemu: repeatable where times are not.

    tests/platform/arm64.sh build/arm64
    python -m benchmarks.instructions build/arm64 [MODEL_FOLDER]...

A program runs a model a few times and a few times more: the difference of the two counts belongs to the runs between.
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
"""Runs enough that they outweigh what differs from one start of Python to the next: some fifteen million."""
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
    """Return the instructions of a program that loads a model and runs it so many times."""
    with tempfile.NamedTemporaryFile() as count:
        command = [str(python), "-c", _PROGRAM, str(folder), str(runs)]
        subprocess.run(command, env={**os.environ, "COUNT": count.name}, cwd=ROOT, check=True)
        return int(Path(count.name).read_text())


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arm64", type=Path, help="what tests/platform/arm64.sh made")
    parser.add_argument(
        "models", type=Path, nargs="*", default=[ROOT / "models" / n for n in ("face/live", "face/quality", "mask")]
    )
    args = parser.parse_args()
    for folder in args.models:
        most = _MORE[read_spec(folder).kind]
        few, more = (counted(args.arm64 / "python", folder, runs) for runs in (_FEW, most))
        print(f"{folder}: {(more - few) / (most - _FEW) / 1e6:.1f} M instructions a picture")


if __name__ == "__main__":
    main()
