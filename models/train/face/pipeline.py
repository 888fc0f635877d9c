"""Make the small face detector from a folder of images: all steps in order; a step is skipped if it is up to date.

    python -m models.train.face.pipeline PICTURES --work WORK [--out models/face/live] [--steps 12000] [--count 8000]

Training continues where it was interrupted, as long as nothing that it depends on has changed.
"""

from __future__ import annotations

import argparse
import functools
import logging
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.train.arithmetic import AVX2
from models.train.face.images import image_files
from models.train.face.photos import CROPS, SCENES, SHARP, STREETS
from models.train.stamp import fresh, stamp, stamp_file

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_VERIFIERS = [_HERE.parents[1] / "face" / name for name in ("verifier", "verifier-large")]
_PARTS = 8
"""Scenes are rendered in parts, so that several processes can do it; the parts do not depend on their number."""
_EXPORTED, _MADE = "exported", "live"


@dataclass(frozen=True, slots=True)
class Step:
    """One command, what it reads and the file that it writes.

    resumed: the command continues from an unfinished result, so that it is run even if the inputs are unchanged.
    """

    module: str
    arguments: tuple[str, ...]
    inputs: tuple[Path, ...]
    result: Path
    resumed: bool = False


def rounds(args: argparse.Namespace) -> list[list[Step]]:
    """Return the steps in order; those of one round do not depend on each other."""
    work = args.work
    survey, state = work / "survey.json", work / "detector.pt"
    parts = [work / "scenes" / f"targets-{part}.npy" for part in range(_PARTS)]
    return [
        [
            Step(
                "survey",
                (str(args.pictures), str(survey)),
                (*photographs(args.pictures), *code("photos", "survey", "teacher")),
                survey,
            )
        ],
        [_scenes(args, survey, part, result) for part, result in enumerate(parts)],
        [_training(args, state, parts)],
        [_export(args, state)],
        [_resize(args)],
        [Step("golden", (str(work / _MADE),), (work / _MADE / "model.tflite",), work / _MADE / "golden.json")],
    ]


def _scenes(args: argparse.Namespace, survey: Path, part: int, result: Path) -> Step:
    inputs = (survey, *code("scenes", "photos", "canvas", "clutter", "labels", "teacher"))
    options = ("--survey", str(survey), "--out", str(result.parent), "--count", str(args.count))
    return Step("scenes", (str(args.pictures), *options, "--part", f"{part}/{_PARTS}"), inputs, result)


def _training(args: argparse.Namespace, state: Path, parts: list[Path]) -> Step:
    options = ["--cache", str(parts[0].parent), "--state", str(state), "--steps", str(args.steps)]
    options += ["--start", str(args.start)] if args.start else []
    start = (args.start,) if args.start else ()
    inputs = (*(stamp_file(part) for part in parts), *start, *code("train", "network", "pruning", "augment"))
    return Step("train", tuple(options), inputs, state, resumed=True)


def _export(args: argparse.Namespace, state: Path) -> Step:
    folders = [args.pictures / name for name in (SCENES, "crops_chandrikadeb7")]
    options = [option for folder in folders for option in ("--pictures", str(folder))]
    out = args.work / _EXPORTED
    settings = ("--state", str(state), "--out", str(out), "--score", "0.3")
    return Step(
        "export", (*settings, *options), (state, *code("export", "tflite", "onnx_network")), out / "model.tflite"
    )


def _resize(args: argparse.Namespace) -> Step:
    before, settings = args.work / _EXPORTED, _HERE / "live.toml"
    made = args.work / _MADE
    options = (str(before), "--settings", str(settings), "--out", str(made))
    return Step("resize", options, (before / "model.tflite", settings, *code("resize")), made / "model.tflite")


def photographs(pictures: Path) -> list[Path]:
    """Return the images of all sources."""
    return [path for name in (SCENES, SHARP, *CROPS, STREETS) for path in image_files(pictures / name)]


def code(*names: str) -> list[Path]:
    """Return modules of this package."""
    return [_HERE / f"{name}.py" for name in names]


def run(step: Step, execute: Callable[[Step], None]) -> None:
    """Execute a step unless its result is up to date; an unfinished result of other inputs is removed first."""
    inputs = list(step.inputs)
    is_fresh = fresh(step.result, inputs, *step.arguments)
    if is_fresh and not step.resumed:
        return
    if not is_fresh:
        step.result.unlink(missing_ok=True)
    if step.resumed:
        stamp(step.result, inputs, *step.arguments)
    execute(step)
    stamp(step.result, inputs, *step.arguments)


def in_process(step: Step) -> None:
    """Run the command of a step in a process of its own."""
    started = time.monotonic()
    log.info("%s %s", step.module, " ".join(step.arguments))
    command = [sys.executable, "-m", f"models.train.face.{step.module}", *step.arguments]
    subprocess.run(command, check=True, env=os.environ | AVX2)
    log.info("%s took %.0f s", step.module, time.monotonic() - started)


def main() -> None:
    """Run the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for intermediate results")
    parser.add_argument("--out", type=Path, default=Path("models/face/live"), help="model folder to write")
    parser.add_argument("--start", type=Path, help="model.tflite of a small detector to continue from")
    parser.add_argument("--count", type=int, default=8000, help="scenes to render")
    parser.add_argument("--steps", type=int, default=12_000, help="of training, 16 scenes each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="scenes rendered in parallel, one core each")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.work.mkdir(parents=True, exist_ok=True)
    for verifier in _VERIFIERS:  # model.toml names them as neighbours
        shutil.copytree(verifier, args.work / verifier.name, dirs_exist_ok=True)
    for steps in rounds(args):
        with ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(functools.partial(run, execute=in_process), steps))
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ("model.tflite", "model.toml", "golden.json"):
        shutil.copy(args.work / _MADE / name, args.out / name)


if __name__ == "__main__":
    main()
