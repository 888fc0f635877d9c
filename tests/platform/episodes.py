"""Compare the episodes that this Python and another one find in the same videos, for a release.

    python -m tests.platform.episodes VIDEO... --python build/arm64/python [--profile live] [--frames 150]

The other Python is one with another TFLite runtime (`make test-runtimes` makes .venv-tflite) or of another processor
(`make arm64` makes those of a Raspberry Pi under qemu, where a frame takes seconds: `--frames` reads only the first).
Episodes match if they are of the same people, with the same labels and reasons, and begin and end in the same frame or
in the next to it. The exit status is 1 where they do not.

Decoded frames are compared too: OpenCV's wheels convert YUV to BGR in another way on each processor, see
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.program import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_FRAMES_APART = 1


def unlike(a: dict | None, b: dict | None) -> list[str]:
    """Return in what two episodes differ; their frames may by one."""
    if a is None or b is None:
        return ["absent"]
    apart = [key for key in ("first", "last") if abs(a[key] - b[key]) > MOST_FRAMES_APART]
    return apart + [key for key in ("person", "labels", "reason") if a[key] != b[key]]


def found(python: Path, profile: str, frames: int, videos: Sequence[str]) -> dict:
    """Return what `tests.platform.runtimes` prints with a Python."""
    command = [str(python), "-m", "tests.platform.runtimes", "episodes", profile, str(frames), *videos]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{python} ended with {done.returncode}")
    return json.loads(done.stdout)


def rows(here: dict, there: dict) -> Iterator[tuple[str, list[str]]]:
    """Yield a line about each video, and in what its episodes differ."""
    for video, ours in here["episodes"].items():
        pairs = list(zip_longest(ours, there["episodes"][video]))
        differ = [f"{number}: {', '.join(what)}" for number, pair in enumerate(pairs) if (what := unlike(*pair))]
        both = [(a, b) for a, b in pairs if a and b]
        apart = max((abs(a[key] - b[key]) for a, b in both for key in ("first", "last")), default=0)
        decoded = _decoded(here["decoded"][video], there["decoded"][video])
        counts = f"{len(ours)} and {len(there['episodes'][video])} episodes, at most {apart} frames apart"
        yield f"{Path(video).name}: {decoded}; {counts}; {'DIFFER' if differ else 'match'}", differ


def _decoded(a: dict, b: dict) -> str:
    if a["frames"] != b["frames"]:
        return f"{a['frames']} and {b['frames']} frames"
    if a["sha256"] == b["sha256"]:
        return f"{a['frames']} equal frames"
    levels = " ".join(f"{y - x:+.2f}" for x, y in zip(a["levels"], b["levels"], strict=True))
    return f"{a['frames']} frames, mean levels differ by {levels} (blue, green, red)"


def main() -> int:
    """Print a line for each video; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    parser.add_argument("--python", type=Path, required=True, help="the other Python")
    parser.add_argument("--profile", default="live")
    parser.add_argument("--frames", type=int, default=sys.maxsize, help="read only so many frames of each video")
    args = parser.parse_args()
    videos = [str(video.absolute()) for video in args.videos]
    pythons = Path(sys.executable), args.python.absolute()
    here, there = (found(python, args.profile, args.frames, videos) for python in pythons)
    print(" and ".join(f"{answer['runtime']} on {answer['machine']}" for answer in (here, there)))
    problems = 0
    for line, differ in rows(here, there):
        print("\n  ".join([line, *differ]))
        problems += len(differ)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
