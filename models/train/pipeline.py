"""Make the mask model from a folder of images: all steps in order; a step is skipped if its result is up to date.

    python -m models.train.pipeline PICTURES --work WORK [--face models/face/quality] [--mask models/mask] \
        [--until STEP] [--jobs N]

Each network is trained in its own single-threaded process with its own seeds, so `--jobs` changes the time only.
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

from models.train.arithmetic import AVX2
from models.train.centerface import weights_file
from models.train.mask.train import Schedule
from models.train.sources import SOURCES

log = logging.getLogger(__name__)


def networks(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Return the training steps: the network that ships, and one without each source, on which confidence is fitted.

    All get the same schedule: a network trained for less time is less confident, and what is fitted on it (the
    temperature, the shift of the third logit) would be wrong for the one that ships.
    """
    schedule = ["--epochs", str(args.epochs), "--faces", str(args.faces)]
    common = [str(args.work), str(args.work / "centerface.onnx"), *schedule]
    left_out = [source.name for source in SOURCES if source.left_out]
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
        ("backgrounds", [pictures, work]),
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
        ("mask.reference", [pictures, work, "--mask", str(args.mask)]),
        ("mask.golden", [str(args.mask)]),
    ]


def main() -> None:
    """Run the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for intermediate results")
    parser.add_argument("--face", type=Path, default=Path("models/face/quality"))
    parser.add_argument("--mask", type=Path, default=Path("models/mask"))
    parser.add_argument("--epochs", type=int, default=Schedule().epochs)
    parser.add_argument("--faces", type=int, default=Schedule().faces, help="faces per epoch")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="networks trained in parallel, one core each")
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
    """Run one step in a separate process."""
    name, arguments = step
    started = time.monotonic()
    log.info("%s %s", name, " ".join(arguments))
    subprocess.run([sys.executable, "-m", f"models.train.{name}", *arguments], check=True, env=os.environ | AVX2)
    log.info("%s took %.0f s", " ".join([name, *arguments[:2]]), time.monotonic() - started)


if __name__ == "__main__":
    main()
