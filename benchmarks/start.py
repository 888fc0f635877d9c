"""Compare the start of `maskwatch run`, up to its first classified face, with that of its libraries and models alone.

    python -m benchmarks.start [--rounds N] [--profile NAME] [--json FILE]

Processes by turns, each timed from its start. `run` is the command itself with a drawn video, without a window and with
a broker that nobody serves. `bare` imports the libraries that the run uses and loads the models of the profile and the
mask model, and nothing else; `three` imports numpy, OpenCV and LiteRT alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from benchmarks import scenes
from edge import paths
from edge.tflite import read_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LIBRARIES = ("numpy", "cv2", "ai_edge_litert.interpreter", "pydantic", "typer", "rich.console", "paho.mqtt.client")
_BARE = """
import importlib, sys
for name in sys.argv[1].split(","):
    importlib.import_module(name)
from ai_edge_litert.interpreter import Interpreter
models = [Interpreter(model_path=path, num_threads=1) for path in sys.argv[2:]]
for model in models:
    model.allocate_tensors()
print(flush=True)
"""
_RUN = """
import os, sys
from edge import pipeline
from edge.cli import run_command
walk = pipeline.walk
def ending_with_a_verdict(frame, stages):
    scene = walk(frame, stages)
    if len(scene.verdicts):
        print(flush=True)
        os._exit(0)
    return scene
pipeline.walk = ending_with_a_verdict
sys.exit(run_command())
"""
_CLOSED_PORT = 9
_FACES, _FRAMES = 3, 8


def commands(profile: str, video: Path) -> dict[str, list[str]]:
    """Return the programs to compare, by name; each prints a line when it has done its work."""
    face = paths.models() / "face" / profile
    verifier = read_spec(face).verifier
    folders = [face, *(face / name for name in (verifier.folders if verifier else ())), paths.models() / "mask"]
    files = [str(folder / "model.tflite") for folder in folders]
    settings = [f"detector.profile={profile}", "mqtt.host=127.0.0.1", f"mqtt.port={_CLOSED_PORT}", "mqtt.outbox=memory"]
    options = [word for setting in settings for word in ("--set", setting)]
    return {
        "run": [_RUN, "run", "--headless", "--quiet", "--source", str(video), *options],
        "bare": [_BARE, ",".join(_LIBRARIES), *files],
        "three": [_BARE, ",".join(_LIBRARIES[:3]), *files],
    }


def drawn_video(path: Path) -> Path:
    """Write a second of people on a street as a video, and return its path."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), scenes.RATE_HZ, scenes.SIZE_PX)
    for image in scenes.images(_FACES)[:_FRAMES]:
        writer.write(image)
    writer.release()
    return path


def elapsed_s(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return the time from the start of a Python program to the line that it prints.

    Raises:
        RuntimeError: it ended without one.
    """
    began_s = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        line = process.stdout.readline() if process.stdout else b""
        took_s = time.perf_counter() - began_s
        process.kill()
    if not line:
        raise RuntimeError(f"no face was classified, or no model loaded: {' '.join(command[1:])}")
    return took_s


def compared(profile: str, rounds: int) -> dict[str, float | str]:
    """Return the median of each program in ms, and how many times the bare ones the run takes."""
    with tempfile.TemporaryDirectory() as folder:
        # as an installed package: its modules are compiled once
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/compiled", "XDG_STATE_HOME": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        programs = commands(profile, drawn_video(Path(folder) / "street.avi"))
        for command in programs.values():
            elapsed_s(command, environment)
        turns = [{name: elapsed_s(command, environment) for name, command in programs.items()} for _ in range(rounds)]
    medians = {name: statistics.median(turn[name] for turn in turns) for name in programs}
    return {
        "profile": profile,
        "rounds": rounds,
        **{f"{name}_ms": round(1e3 * seconds, 1) for name, seconds in medians.items()},
        "ratio": round(statistics.median(turn["run"] / turn["bare"] for turn in turns), 2),
        "ratio_three": round(statistics.median(turn["run"] / turn["three"] for turn in turns), 2),
    }


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--profile", default="live", choices=["live", "balanced", "quality"])
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    figures = compared(args.profile, args.rounds)
    print(", ".join(f"{name} {value}" for name, value in figures.items()))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
