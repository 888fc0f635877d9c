"""Fuzz: throw random and damaged input at whatever takes input from outside; nothing may crash or hang.

    python -m tests.fuzz --cases 1000000

Every case has its own random numbers, drawn from the seed and its number, so that `--only NUMBER` repeats one. The
cases run in processes that are started again after a crash.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from tests import fuzz_cases
from tests.fuzz_cases import CASES, RuntimeDiedError

if TYPE_CHECKING:
    from types import FrameType

_DEADLINE_S = 10.0
_STUCK_S = 40.0
"""A process whose case number stands still for this long hangs where no Python signal handler runs."""
_MEMORY_BYTES = 4 << 30
_NAMES = tuple(CASES)
_WEIGHTS = tuple(weight for _, weight in CASES.values())


class HangError(Exception):
    """A case did not return in time."""


def dice_of(seed: int, number: int) -> random.Random:
    """Return the dice of one case."""
    return random.Random((seed << 40) + number)


def throw(seed: int, number: int) -> tuple[str, Exception | None]:
    """Run one case; return its name and what it raised that it must not."""
    dice = dice_of(seed, number)
    name = dice.choices(_NAMES, _WEIGHTS)[0]
    signal.setitimer(signal.ITIMER_REAL, _DEADLINE_S)
    try:
        CASES[name][0](dice)
    except Exception as error:  # noqa: BLE001 - any exception is a finding
        return name, error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return name, None


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise HangError(f"no return within {_DEADLINE_S:.0f} s")


def work(numbers: range, seed: int, at: Any, counts: Any, log: Path) -> None:
    """Throw the cases of `numbers`, from the place `at` on; note the place, the counts, and each failure in `log`."""
    signal.signal(signal.SIGALRM, _ring)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the decoders print a line for each wrong byte
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))
    for place in range(at.value, len(numbers)):
        at.value = place
        name, error = throw(seed, numbers[place])
        counts[_NAMES.index(name)] += 1
        if error is not None:
            _note(log, numbers[place], name, error)
    at.value = len(numbers)
    fuzz_cases.tidy()


def _note(log: Path, number: int, name: str, error: Exception) -> None:
    kind = "hang" if isinstance(error, HangError) else "runtime" if isinstance(error, RuntimeDiedError) else "crash"
    where = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
    note = {"case": number, "kind": kind, "name": name, "what": what, "message": str(error)[:100]}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(note) + "\n")


class Worker:
    """A process on every so-manieth case, started again behind a case that kills or hangs it."""

    def __init__(self, numbers: range, seed: int, log: Path) -> None:
        self._numbers, self._seed, self._log = numbers, seed, log
        self._at, self._noticed = multiprocessing.Value("l", 0), (0, time.monotonic())
        self.counts = multiprocessing.Array("l", len(_NAMES))
        self._start()

    def _start(self) -> None:
        arguments = (self._numbers, self._seed, self._at, self.counts, self._log)
        self._process = multiprocessing.Process(target=work, args=arguments)
        self._process.start()

    def finished(self) -> bool:
        """Restart the process where it has died or hangs; return whether all its cases are through."""
        place = self._at.value  # type: ignore[attr-defined]
        if self._process.is_alive():
            if place != self._noticed[0]:
                self._noticed = place, time.monotonic()
            if time.monotonic() - self._noticed[1] > _STUCK_S:
                self._go_on(HangError("stuck outside Python"))
            return False
        if place >= len(self._numbers):
            return True
        self._go_on(RuntimeError(f"the process died with {self._process.exitcode}"))
        return False

    def _go_on(self, error: Exception) -> None:
        """Count the case at which the process stands and start anew behind it."""
        self._process.kill()
        self._process.join()
        place = self._at.value  # type: ignore[attr-defined]
        name = dice_of(self._seed, self._numbers[place]).choices(_NAMES, _WEIGHTS)[0]
        try:
            raise error
        except Exception as raised:  # noqa: BLE001 - given a place in the code, as the others have
            _note(self._log, self._numbers[place], name, raised)
        self._at.value, self._noticed = place + 1, (place + 1, time.monotonic())  # type: ignore[attr-defined]
        self._start()


def fuzz(cases: int, seed: int, jobs: int, log: Path) -> Counter[str]:
    """Throw `cases` cases in `jobs` processes; return how many of each kind ran."""
    workers = [Worker(range(job, cases, jobs), seed, log) for job in range(jobs)]
    while not all([worker.finished() for worker in workers]):  # noqa: C419 - each must be checked
        time.sleep(0.05)
    total: Counter[str] = Counter()
    for worker in workers:
        total.update(dict(zip(_NAMES, worker.counts, strict=True)))  # type: ignore[call-overload]
    return total


def failures(log: Path) -> list[dict[str, Any]]:
    """Return what went wrong."""
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []


def report(counts: Counter[str], wrong: list[dict[str, Any]], elapsed_s: float) -> Table:
    """Return cases, crashes and hangs by kind."""
    table = Table(title=f"{sum(counts.values())} cases in {elapsed_s:.0f} s")
    for heading in ("input", "cases", "crashes", "hangs", "the runtime died"):
        table.add_column(heading, justify="left" if heading == "input" else "right")
    for name in _NAMES:
        of = Counter(failure["kind"] for failure in wrong if failure["name"] == name)
        table.add_row(name, *map(str, (counts[name], of["crash"], of["hang"], of["runtime"])))
    return table


def passed(wrong: list[dict[str, Any]]) -> bool:
    """Return whether the product did not fail; a runtime that dies of garbage under a right hash is only reported."""
    return all(failure["kind"] == "runtime" for failure in wrong)


def main() -> None:
    """Fuzz and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--log", type=Path, help="failures as JSON lines")
    parser.add_argument("--only", type=int, help="repeat one case, in this process")
    wanted = parser.parse_args()
    if wanted.only is not None:
        signal.signal(signal.SIGALRM, _ring)
        name, error = throw(wanted.seed, wanted.only)
        sys.exit("".join(traceback.format_exception(error)) if error else f"{name}: nothing is wrong")
    log = wanted.log or Path(tempfile.mkdtemp(prefix="fuzz")) / "failures.jsonl"
    log.unlink(missing_ok=True)
    began_at = time.monotonic()
    counts = fuzz(wanted.cases, wanted.seed, wanted.jobs, log)
    wrong, console = failures(log), Console(width=110)
    console.print(report(counts, wrong, time.monotonic() - began_at))
    for (name, what), times in Counter((failure["name"], failure["what"]) for failure in wrong).most_common(20):
        example = next(failure for failure in wrong if (failure["name"], failure["what"]) == (name, what))
        sentence = f"{times} x {name}: {what}: {example['message']} (--seed {wanted.seed} --only {example['case']})"
        console.print(ascii(sentence), markup=False, highlight=False)
    sys.exit(not passed(wrong))


if __name__ == "__main__":
    main()
