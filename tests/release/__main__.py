"""Check what must hold before a release, one line per step; 0 only when every step passed.

python -m tests.release [--only STEP,...] [--without STEP,...]
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.release import cards, documents, instructions, licences, sbom, suites, version, wheel
from tests.release.step import Failed, Step

ROOT = Path(__file__).parents[2]
STEPS: dict[str, Step] = {
    "version": version.check,
    "cards": cards.check,
    "documents": documents.check,
    "style": suites.style,
    "wheel": wheel.check,
    "sbom": sbom.check,
    "licences": licences.check,
    "instructions": instructions.check,
    "tests": suites.tests,
    "faults": suites.faults,
}
"""By name, the quick ones first."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a step."""

    step: str
    passed: bool
    line: str
    elapsed_s: float
    log: str = ""


def result(name: str, step: Step, root: Path) -> Result:
    """Run a step."""
    began_at = time.monotonic()
    try:
        line = step(root)
    except Failed as failed:
        return Result(name, passed=False, line=str(failed), elapsed_s=time.monotonic() - began_at, log=failed.log)
    except Exception as error:  # noqa: BLE001 - a fault in a step is its result; the other steps still run
        log = traceback.format_exc()
        return Result(name, passed=False, line=repr(error), elapsed_s=time.monotonic() - began_at, log=log)
    return Result(name, passed=True, line=line, elapsed_s=time.monotonic() - began_at)


def run(steps: dict[str, Step], root: Path, console: Console) -> list[Result]:
    """Run steps in order, and print the line of each when it is done, with the log of one that failed."""
    results = []
    for name, step in steps.items():
        results.append(result(name, step, root))
        console.print(line(results[-1]), markup=False, highlight=False, soft_wrap=True)
        if results[-1].log:
            console.print(results[-1].log.rstrip(), markup=False, highlight=False, soft_wrap=True)
    return results


def line(outcome: Result) -> str:
    """Return the line of a step."""
    return f"{outcome.step}: {'passed' if outcome.passed else 'FAILED'} in {outcome.elapsed_s:.0f} s: {outcome.line}"


def table(results: list[Result]) -> Table:
    """Return one row a step."""
    passed = sum(outcome.passed for outcome in results)
    drawn = Table(title=f"{passed} of {len(results)} steps passed")
    for heading in ("step", "outcome", "s", "result"):
        drawn.add_column(heading, justify="right" if heading == "s" else "left")
    for outcome in results:
        word = "passed" if outcome.passed else "[red]failed[/red]"
        drawn.add_row(outcome.step, word, f"{outcome.elapsed_s:.0f}", outcome.line.replace("[", "\\["))
    return drawn


def names(text: str) -> set[str]:
    """Return the names in a list with commas.

    Raises:
        argparse.ArgumentTypeError: no step is called so.
    """
    given = set(text.split(","))
    if unknown := sorted(given - set(STEPS)):
        raise argparse.ArgumentTypeError(f"no step is called {', '.join(unknown)}; there are: {', '.join(STEPS)}")
    return given


def main() -> int:
    """Run the steps that are asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=names, default=set(STEPS), metavar="STEP,...", help=f"of {', '.join(STEPS)}")
    parser.add_argument("--without", type=names, default=set(), metavar="STEP,...", help="all but these")
    args = parser.parse_args()
    console = Console(width=150)
    wanted = {name: step for name, step in STEPS.items() if name in args.only - args.without}
    results = run(wanted, ROOT, console)
    console.print(table(results))
    return int(not all(outcome.passed for outcome in results))


if __name__ == "__main__":
    sys.exit(main())
