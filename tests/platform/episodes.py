"""Compare the episodes that this Python and another one find in the same videos, for a release.

    python -m tests.platform.episodes VIDEO... --python build/arm64/python [--profile live] [--frames 150]

The other Python is one with another TFLite runtime (`make test-runtimes` makes .venv-tflite) or of another processor
(`make arm64` makes those of a Raspberry Pi under qemu, where a frame takes seconds: `--frames` reads only the first).
Episodes match if each person has the same ones in both: as many, with the same labels and reasons, that begin and end
in the same frame or in the next to it. The exit status is 1 where they do not.

Decoded frames are compared too: OpenCV's wheels convert YUV to BGR in another way on each processor, see
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.program import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_FRAMES_APART = 1


Person = list[dict]
"""The episodes of one person, in their order."""


def unlike(a: dict, b: dict) -> list[str]:
    """Return in what two episodes differ; their frames may by one."""
    apart = [key for key in ("first", "last") if abs(a[key] - b[key]) > MOST_FRAMES_APART]
    return apart + [key for key in ("labels", "reason") if a[key] != b[key]]


def alike(a: Person, b: Person) -> bool:
    """Return whether two people have the same episodes."""
    return len(a) == len(b) and not any(map(unlike, a, b))


def people(episodes: Sequence[dict]) -> list[Person]:
    """Return the people: their numbers differ where several are seen first in one frame."""
    numbers = dict.fromkeys(episode["person"] for episode in episodes)
    return [[episode for episode in episodes if episode["person"] == number] for number in numbers]


def matched(here: Sequence[Person], there: Sequence[Person]) -> dict[int, int]:
    """Return for as many people as possible who is the same there.

    Source: Kuhn, The Hungarian method for the assignment problem, 1955 (augmenting paths).
    """
    of_there: dict[int, int] = {}

    def augment(one: int, tried: set[int]) -> bool:
        for other in range(len(there)):
            if other in tried or not alike(here[one], there[other]):
                continue
            tried.add(other)
            if other not in of_there or augment(of_there[other], tried):
                of_there[other] = one
                return True
        return False

    for one in range(len(here)):
        augment(one, set())
    return {one: other for other, one in of_there.items()}


def found(python: Path, profile: str, frames: int, videos: Sequence[str]) -> dict:
    """Return what `tests.platform.runtimes` prints with a Python."""
    command = [str(python), "-m", "tests.platform.runtimes", "episodes", profile, str(frames), *videos]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{python} ended with {done.returncode}")
    return json.loads(done.stdout)


def rows(here: dict, there: dict) -> Iterator[tuple[str, list[str]]]:
    """Yield a line about each video, and the people who are not found in both."""
    for video, found_here in here["episodes"].items():
        ours, theirs = people(found_here), people(there["episodes"][video])
        pairs = matched(ours, theirs)
        differ = [f"only here: {_episodes(ours[n])}" for n in range(len(ours)) if n not in pairs]
        differ += [f"only there: {_episodes(theirs[n])}" for n in range(len(theirs)) if n not in pairs.values()]
        decoded = _decoded(here["decoded"][video], there["decoded"][video])
        counts = f"{len(found_here)} and {len(there['episodes'][video])} episodes"
        yield f"{Path(video).name}: {decoded}; {counts}; {'DIFFER' if differ else 'match'}", differ


def _episodes(person: Person) -> str:
    parts = [f"{e['first']} to {e['last']} ({', '.join(e['labels'])}; {e['reason']})" for e in person]
    return ", ".join(parts)


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
