"""Count what the loop costs on top of its models: aarch64 instructions per frame, of a Cortex-A72's kernels under qemu.

    tests/platform/arm64.sh build/arm64
    python -m benchmarks.loop_instructions build/arm64 --json FILE
    python -m benchmarks.loop_instructions build/arm64 --detector live --lores --profile
    python -m benchmarks.loop_instructions build/arm64 --check      # against the budget, loop.csv

40 frames of 1280 x 720 with their small image, one and five people, every face classified in every frame.
The yardstick, `yardstick`, is the detector of a fixed commit, which git reads from the history of this clone.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.instructions import ROOT
from benchmarks.loop_program import FRAMES, Given, sections
from benchmarks.marks import own_instructions
from benchmarks.scenes import PERSON_PX
from edge import paths

YARDSTICK = "5a10885"
"""Commit of version 1.1.0 of `live`: a detector without a verifier."""
PROFILES = ("live", "balanced", "quality")
FACES = {"one_face": 1, "five_faces": 5}
BUDGET = Path(__file__).parent / "loop.csv"
_ALLOWED = 1.03
Figures = dict[str, dict[str, dict[str, float]]]
"""By detector and scene, what `summary` returns."""


def yardstick(folder: Path) -> Path:
    """Write the model folder of the yardstick's detector into `folder`, and return it.

    Raises:
        subprocess.CalledProcessError: this is no clone with the project's history.
    """
    for name in ("model.toml", "model.tflite"):
        shown = ["git", "show", f"{YARDSTICK}:models/face/live/{name}"]
        (folder / name).write_bytes(subprocess.run(shown, cwd=ROOT, capture_output=True, check=True).stdout)
    return folder


def counted(arm64: Path, detector: Path, given: Given) -> dict[str, float]:
    """Return the own instructions of each section in M per frame, by path."""
    options = ["--frames", str(given.frames), "--person-px", str(given.person_px), "--also", *given.also]
    with tempfile.NamedTemporaryFile() as output:
        command = [str(arm64 / "python"), "-m", "benchmarks.loop_program", str(detector), str(given.faces)]
        environment = {**os.environ, "COUNT": output.name, "PYTHONHASHSEED": "0"}
        flags = ["--lores"] * given.lores + ["--watched"] * given.watched
        subprocess.run([*command, *flags, *options], env=environment, cwd=ROOT, check=True)
        _total, *lines = Path(output.name).read_text("utf-8").splitlines()
    marks = [(int(label), int(at)) for label, at in (line.split() for line in lines)]
    return {path: count / given.frames / 1e6 for path, count in own_instructions(marks, sections(given.also)).items()}


def summary(own: dict[str, float]) -> dict[str, float]:
    """Return the loop, its invocations, those of them that verify or refine, the rest of the loop, and the ratio."""
    invocations = {path: count for path, count in own.items() if "invoke" in path}
    loop, invoked = sum(own.values()), sum(invocations.values())
    again = sum(count for path, count in invocations.items() if _is_second(path))
    figures = {"loop": loop, "invocations": invoked, "second_invocations": again, "beyond": loop - invoked}
    return {name: round(value, 2) for name, value in figures.items()} | {"ratio": round(loop / invoked, 4)}


def _is_second(path: str) -> bool:
    """Return whether an invocation verifies a face (the detector's second in a frame) or refines its height."""
    return path.startswith("walk/measure/") or (path.startswith("walk/detect/") and "again" in path)


def excesses(results: Figures, path: Path = BUDGET) -> list[str]:
    """Return a sentence for each scene whose loop needs over 3 % more beyond its invocations than the budget allows."""
    with path.open(newline="") as file:
        rows = {(row["detector"], row["scene"]): float(row["beyond_m"]) for row in csv.DictReader(file)}
    beyond = {(name, scene): one["beyond"] for name, by_scene in results.items() for scene, one in by_scene.items()}
    return [
        f"{name}, {scene}: {beyond[name, scene]:.2f} M instructions beyond the invocations, {allowed:.2f} M allowed"
        for (name, scene), allowed in rows.items()
        if beyond.get((name, scene), 0.0) > _ALLOWED * allowed
    ]


def main() -> None:
    """Print the figures of each detector, write them, and hold them against the budget."""
    args = _parser().parse_args()
    results: Figures = {}
    with ExitStack() as stack:
        folders = {name: paths.models() / "face" / name for name in PROFILES}
        folders["yardstick"] = yardstick(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        for name in args.detector:
            results[name] = {
                scene: _shown(args, name, scene, counted(args.arm64, folders[name], _given(args, faces)))
                for scene, faces in FACES.items()
            }
    if args.json:
        first, *_ = args.detector
        args.json.write_text(json.dumps(results[first] | {"detectors": results}, indent=1) + "\n", "utf-8")
    if args.check and (found := excesses(results)):
        sys.exit("\n".join(found))


def _shown(args: argparse.Namespace, name: str, scene: str, own: dict[str, float]) -> dict[str, float]:
    """Print a detector's figures for a scene, and return them."""
    figures = summary(own)
    print(name, scene, ", ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    for path, count in own.items() if args.profile else ():
        print(f"{count:10.3f} M  {path}")
    return figures


def _given(args: argparse.Namespace, faces: int) -> Given:
    return Given(faces, args.frames, args.person_px, args.lores, args.watched, tuple(args.also))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arm64", type=Path, help="folder made by tests/platform/arm64.sh")
    parser.add_argument("--json", type=Path, metavar="FILE", help="of the first detector, and of all in `detectors`")
    parser.add_argument("--detector", nargs="+", default=["yardstick"], choices=["yardstick", *PROFILES])
    parser.add_argument("--check", action="store_true", help="fail where the loop needs more than loop.csv allows")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--person-px", type=int, default=PERSON_PX, help="height of the people")
    parser.add_argument("--lores", action="store_true", help="with the small image made of a camera's buffer")
    parser.add_argument("--watched", action="store_true", help="with faces verified as rarely as in a camera's frames")
    parser.add_argument("--profile", action="store_true", help="print each section's own instructions")
    parser.add_argument("--also", nargs="*", default=[], metavar="MODULE:NAME", help="functions to mark, too")
    return parser


if __name__ == "__main__":
    main()
