"""Make the mask model from a folder of pictures: every step in order, each skipped where its result still holds.

    python -m models.train.pipeline PICTURES --work WORK [--face models/face/quality] [--mask models/mask] \
        [--until STEP] [--jobs 2]

Each network is trained by a process of one thread with seeds of its own, so `--jobs` changes the time and nothing else.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.train.sources import SOURCES, Role
from models.train.weights import centerface

log = logging.getLogger(__name__)

_LOSO_EPOCHS = 6
"""Networks that leave a source out only set temperature and `unsure`; they get less time than the one that ships."""


def steps(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Return the name and the command line of each step."""
    pictures, work, face, mask = (
        str(args.pictures),
        str(args.work),
        ["--face", str(args.face)],
        ["--mask", str(args.mask)],
    )
    faces = ["--faces", str(args.faces)]
    weights = str(args.work / "centerface.onnx")
    train = [("mask", [work, weights, "--name", "shipped", "--epochs", str(args.epochs), *faces])]
    train += [
        (
            "mask",
            [
                work,
                weights,
                "--name",
                f"without_{s.name}",
                "--without",
                s.name,
                "--epochs",
                str(min(_LOSO_EPOCHS, args.epochs)),
                *faces,
            ],
        )
        for s in SOURCES
        if s.role is Role.TRAIN
    ]
    return [
        ("collect", [pictures, work]),
        ("crops", [pictures, work, "--detector", str(args.face)]),
        ("leaks", [work]),
        ("drawn", [work]),
        ("explore", [work]),
        *train,
        ("loso", [work]),
        ("export", [work, "--out", str(args.mask)]),
        ("card", [pictures, work, *mask, "--stage", "spec"]),
        ("evaluate", [pictures, work, *mask, *face]),
        ("card", [pictures, work, *mask, "--stage", "text"]),
        ("worst", [pictures, work, *mask, *face]),
        ("golden", [str(args.mask)]),
    ]


def main() -> None:
    """Run the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made on the way")
    parser.add_argument("--face", type=Path, default=Path("models/face/quality"))
    parser.add_argument("--mask", type=Path, default=Path("models/mask"))
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--faces", type=int, default=12_800, help="faces an epoch")
    parser.add_argument("--jobs", type=int, default=1, help="networks trained at a time")
    parser.add_argument("--until", default="golden", help="last step to run")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    centerface(args.work / "centerface.onnx")
    for name, group in itertools.groupby(steps(args), key=lambda step: step[0]):
        with ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(run, group))
        if name == args.until:
            return


def run(step: tuple[str, list[str]]) -> None:
    """Run one step in a process of its own."""
    name, words = step
    started = time.monotonic()
    log.info("%s %s", name, " ".join(words))
    subprocess.run([sys.executable, "-m", f"models.train.{name}", *words], check=True)
    log.info("%s took %.0f s", " ".join([name, *words[2:4]]), time.monotonic() - started)


if __name__ == "__main__":
    main()
