"""Project how many frames per second a Raspberry Pi processes on one core: an interval, not a measurement.

    python -m benchmarks.projections [--faces N] [--json FILE]

The instructions of a frame, counted for a Cortex-A72 (instructions.csv, loop.csv), divided by the instructions per
second of each board, which published times of other int8 networks bound. README.md explains the method.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.instructions import budget
from edge import paths
from edge.settings.schema import Settings
from edge.tflite import read_spec

PROFILES = ("live", "balanced", "quality")
PUBLISHED_MS = {"Pi 4": ((569, 24.0), (300, 17.0)), "Pi 3": ((569, 46.0), (300, 30.0))}
"""Millions of multiplications and ms of INT8 MobileNet v1 and v2 on four cores: 1.5 GHz, 64 bits; 1.4 GHz, 32 bits.

Source: the README of XNNPACK, Raspberry Pi, February 2022; multiplications: Sandler et al., MobileNetV2, 2018, table 4.
"""
_PUBLISHED_GHZ = {"Pi 4": 1.5, "Pi 3": 1.4}
_SPEED_UP = (2.9, 4.0)
"""Of four cores over one. Source: ibid., Pixel 2: 53 / 18 ms; at most one for each core."""
_MULTIPLICATIONS = (1.62, 2.46)
"""Per instruction: `live` and `balanced` as counted; those of the published networks were not."""
_MAX_PER_CYCLE = 2.0
"""Instructions per cycle: a Cortex-A53 issues two at most, and a Cortex-A72 has two pipelines for vectors."""
_BESIDE_M, _BESIDE_PER_FACE_M = 1.85, 2.33
"""Loop beyond its invocations, M instructions per frame: the line through both scenes of loop.csv."""
_REFINED_PER_S, _REFINED_PER_FACE_S = 2.0, 0.5
_VERIFIED_PER_S = 1.0


@dataclass(frozen=True, slots=True)
class Board:
    """A board; ghz: the clocks of its versions; like: the board whose published times bound its instructions per cycle.

    wider: how many more instructions per cycle it can issue at most than that one.
    """

    name: str
    ghz: tuple[float, float]
    like: str
    wider: float = 1.0

    @property
    def rate_m(self) -> tuple[float, float]:
        """Millions of instructions per second of one core, at least and at most."""
        rates = [multiplied / ms for multiplied, ms in PUBLISHED_MS[self.like]]
        low = min(rates) / _SPEED_UP[1] / _MULTIPLICATIONS[1] / _PUBLISHED_GHZ[self.like]
        high = max(rates) / _SPEED_UP[0] / _MULTIPLICATIONS[0] / _PUBLISHED_GHZ[self.like]
        return 1e3 * low * self.ghz[0], 1e3 * min(high, _MAX_PER_CYCLE) * self.wider * self.ghz[1]


BOARDS = (
    Board("Zero 2 W", (1.0, 1.0), "Pi 3"),
    Board("3", (1.2, 1.4), "Pi 3"),
    Board("4", (1.5, 1.8), "Pi 4"),
    Board("5", (2.4, 2.4), "Pi 4", wider=4 / 3),
)
"""The 5's Cortex-A76 decodes four instructions per cycle, an A72 three; its products of four bytes are not counted."""


def costs_m(profile: str, faces: int) -> tuple[float, float]:
    """Return the millions of instructions per frame, and those per second at any rate, with people who stay.

    Per second: faces classified when due, each place verified once, small faces refined.
    """
    models = {name: cost for (processor, name), cost in budget().items() if processor == "aarch64"}
    spec = read_spec(paths.models() / "face" / profile)
    detector = models[f"face/{profile}"]
    verifier = models["face/verifier"] if spec.verifier else 0.0
    classified = faces / Settings().classifier.every_s * models["mask"]
    refined = min(_REFINED_PER_S, faces * _REFINED_PER_FACE_S) * (detector + verifier)
    per_second = classified + faces * _VERIFIED_PER_S * verifier + refined
    return detector + _BESIDE_M + faces * _BESIDE_PER_FACE_M, per_second


def projected_fps(board: Board, profile: str, faces: int) -> tuple[float, float]:
    """Return the frames per second, at least and at most, in which one core detects faces."""
    per_frame, per_second = costs_m(profile, faces)
    low, high = (max(0.0, (rate - per_second) / per_frame) for rate in board.rate_m)
    return round(low, 1), round(high, 1)


def main() -> None:
    """Print a table of boards and profiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    found = {b.name: {name: projected_fps(b, name, args.faces) for name in PROFILES} for b in BOARDS}
    table = Table("Raspberry Pi", *PROFILES, title=f"projected frames per second on one core, {args.faces} faces")
    for board, row in found.items():
        table.add_row(board, *(f"{low:.1f} to {high:.1f}" for low, high in row.values()))
    Console().print(table)
    if args.json:
        args.json.write_text(json.dumps({"projected_fps": found, "faces": args.faces}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
