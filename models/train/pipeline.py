"""Make the mask model from a folder of pictures: every step in order, each skipped where its result still holds.

    python -m models.train.pipeline PICTURES --work WORK [--face models/face/quality] [--mask models/mask] \
        [--until STEP] [--jobs N]

Each network is trained by a process of one thread with seeds of its own, so `--jobs` changes the time and nothing else.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.train.centerface import weights_file
from models.train.mask.train import Schedule
from models.train.sources import SOURCES, Role

log = logging.getLogger(__name__)

_ARITHMETIC = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
"""One instruction set for every x86-64 of the last ten years. With AVX-512 sums are rounded in another order, and
training on another processor ended in another network (about as far off as another seed); it is no faster here."""


def networks(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Return the steps that train: the network that ships, and one without each source, which sets its confidence.

    All get the same schedule. One that was trained for less is less sure of itself, and what is fitted on it (the
    temperature, the shift of the third logit) would then be wrong for the one that ships.
    """
    schedule = ["--epochs", str(args.epochs), "--faces", str(args.faces)]
    common = [str(args.work), str(args.work / "centerface.onnx"), *schedule]
    left_out = [source.name for source in SOURCES if source.role is Role.TRAIN]
    return [
        ("mask.train", ["--name", "shipped", *common]),
        *(("mask.train", ["--name", f"without_{name}", "--without", name, *common]) for name in left_out),
    ]


def steps(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Return the name and the command line of each step."""
    pictures, work = str(args.pictures), str(args.work)
    models = ["--mask", str(args.mask), "--face", str(args.face)]
    return [
        ("manifest", [pictures, work]),
        ("crops", [pictures, work, "--detector", str(args.face)]),
        ("leaks", [work]),
        ("draw.drawings", [work]),
        ("explore", [work]),
        *networks(args),
        ("mask.leave_one_out", [work]),
        ("mask.export", [work, "--out", str(args.mask)]),
        ("mask.card", [pictures, work, *models[:2], "--stage", "spec"]),
        ("mask.evaluate", [pictures, work, *models]),
        ("mask.card", [pictures, work, *models[:2], "--stage", "text"]),
        ("mask.mistakes", [pictures, work, *models]),
        ("mask.golden", [str(args.mask)]),
    ]


def main() -> None:
    """Run the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made on the way")
    parser.add_argument("--face", type=Path, default=Path("models/face/quality"))
    parser.add_argument("--mask", type=Path, default=Path("models/mask"))
    parser.add_argument("--epochs", type=int, default=Schedule().epochs)
    parser.add_argument("--faces", type=int, default=Schedule().faces, help="faces an epoch")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="networks trained at a time, one core each")
    parser.add_argument("--until", default="mask.golden", help="last step to run")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    weights_file(args.work / "centerface.onnx")
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
    subprocess.run([sys.executable, "-m", f"models.train.{name}", *words], check=True, env=os.environ | _ARITHMETIC)
    log.info("%s took %.0f s", " ".join([name, *words[:2]]), time.monotonic() - started)


if __name__ == "__main__":
    main()
