"""What was measured, as tables, as JSON, and as a row of the results of many machines."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from rich.table import Table

from edge import __version__
from edge.clock import Clock
from edge.errors import OutputError
from edge.monitor.host import rss_bytes, temperature_c

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.bench.runs import Run
    from edge.settings.schema import Settings
    from edge.stages import Models

COLUMNS = (
    "date",
    "machine",
    "processor",
    "cores",
    "version",
    "python",
    "runtime",
    "delegate",
    "profile",
    "threads",
    "source",
    "frames",
    "frames_per_cpu_s",
    "gate_frames_per_cpu_s",
    "governed_frames_per_cpu_s",
    "detect_median_ms",
    "detect_p95_ms",
    "classify_median_ms",
    "rss_mb",
    "temperature_c",
)
_TITLES = {"every_frame": "every frame", "gate": "motion gate", "gate_and_governor": "gate and governor"}
_BOARD, _PROCESSOR = Path("/proc/device-tree/model"), Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Report:
    """The runs by name, and on what they were measured.

    machine: what identifies the machine, its software and the models, by the names of the columns.
    """

    runs: Mapping[str, Run]
    machine: Mapping[str, Any]
    rss_bytes: int | None
    temperature_c: float | None

    def tables(self) -> list[Table]:
        """Return the time per stage of the run with every frame, and the rates of all runs."""
        return [_stage_table(self.runs["every_frame"]), _rate_table(self.runs, self.rss_bytes, self.temperature_c)]

    def json(self) -> str:
        """Return all figures; those of the run with every frame come first, as earlier versions have them."""
        first = self.runs["every_frame"]
        per_frame = {stage: round(1e3 * sum(taken) / max(first.frames, 1), 3) for stage, taken in first.stages.items()}
        figures = {
            "frames": first.frames,
            "elapsed_s": round(first.elapsed_s, 3),
            "fps_hz": _rate(first.frames, first.elapsed_s),
            "ms_a_frame": per_frame,
            **self.machine,
            "rss_bytes": self.rss_bytes,
            "temperature_c": self.temperature_c,
            "runs": {name: _figures(run) for name, run in self.runs.items()},
        }
        return json.dumps(figures, indent=1) + "\n"

    def row(self) -> dict[str, Any]:
        """Return the row of a results file, by column."""
        stages = _figures(self.runs["every_frame"])["stages"]
        rates = {name: _rate(run.frames, run.cpu_s) for name, run in self.runs.items()}
        return {
            **self.machine,
            "frames": self.runs["every_frame"].frames,
            "frames_per_cpu_s": rates["every_frame"],
            "gate_frames_per_cpu_s": rates["gate"],
            "governed_frames_per_cpu_s": rates["gate_and_governor"],
            "detect_median_ms": stages["detect"]["median_ms"],
            "detect_p95_ms": stages["detect"]["p95_ms"],
            "classify_median_ms": stages["classify"]["median_ms"],
            "rss_mb": "" if self.rss_bytes is None else round(self.rss_bytes / 1e6),
            "temperature_c": "" if self.temperature_c is None else round(self.temperature_c, 1),
        }


def report_of(runs: Mapping[str, Run], settings: Settings, models: Models, video: Path | None) -> Report:
    """Return the report of some runs on this machine, right after them."""
    machine = {
        "date": Clock().day().isoformat(),
        "machine": _board() or platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "version": __version__,
        "python": platform.python_version(),
        "runtime": models.runtime["name"],
        "delegate": models.runtime["delegate"],
        "profile": models.specs["face"].name,
        "threads": settings.detector.threads,
        "source": video.name if video else "demo",
    }
    return Report(runs, machine, rss_bytes(), temperature_c())


def check_rows(path: Path) -> None:
    """Refuse a file that is no file of results, before anything is measured.

    Raises:
        OutputError: it exists with other columns, or cannot be read.
    """
    try:
        first = path.read_text("utf-8").partition("\n")[0]
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{path}: cannot be read: {getattr(error, 'strerror', 'not UTF-8')}") from error
    if first and first != ",".join(COLUMNS):
        raise OutputError(f"{path}: has other columns than a file of `bench --csv`; fix: name a new file")


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append a row to a file of results, which is created with its header if it does not exist.

    Raises:
        OutputError: it cannot be written.
    """
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            if not file.tell():
                rows.writeheader()
            rows.writerow(row)
            file.write(text.getvalue())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _figures(run: Run) -> dict[str, Any]:
    """Return the figures of one run."""
    stages = {
        stage: {
            "median_ms": round(1e3 * median(taken), 3),
            "p95_ms": round(1e3 * _p95(taken), 3),
            "share": round(sum(taken) / run.elapsed_s, 4),
            "calls": len(taken),
        }
        for stage, taken in run.stages.items()
    }
    return {
        "frames": run.frames,
        "selected": run.selected,
        "elapsed_s": round(run.elapsed_s, 3),
        "cpu_s": round(run.cpu_s, 3),
        "fps_hz": _rate(run.frames, run.elapsed_s),
        "frames_per_cpu_s": _rate(run.frames, run.cpu_s),
        "stages": stages,
    }


def _p95(taken: list[float]) -> float:
    return quantiles(taken, n=20)[-1] if len(taken) > 1 else taken[0]


def _rate(frames: int, seconds: float) -> float:
    return round(frames / seconds, 2) if seconds else 0.0


def _stage_table(run: Run) -> Table:
    title = f"{run.frames} frames in {run.elapsed_s:.1f} s: {_rate(run.frames, run.elapsed_s):.1f} fps"
    table = _table(title, "stage", "median ms", "p95 ms", "share", "calls")
    for stage, one in _figures(run)["stages"].items():
        figures = (f"{one['median_ms']:.2f}", f"{one['p95_ms']:.2f}", f"{one['share']:.0%}", str(one["calls"]))
        table.add_row(stage, *figures)
    rest = 1 - sum(sum(taken) for taken in run.stages.values()) / run.elapsed_s
    table.add_row("rest", "", "", f"{rest:.0%}", "")
    return table


def _rate_table(runs: Mapping[str, Run], memory_bytes: int | None, warmth_c: float | None) -> Table:
    memory = "" if memory_bytes is None else f"memory {memory_bytes / 1e6:.0f} MB"
    warmth = "" if warmth_c is None else f"{warmth_c:.0f} °C"
    table = _table(", ".join(filter(None, (memory, warmth))), "run", "selected", "fps", "frames per CPU second")
    for name, run in runs.items():
        selected, rate = f"{run.selected} of {run.frames}", _rate(run.frames, run.elapsed_s)
        table.add_row(_TITLES[name], selected, f"{rate:.1f}", f"{_rate(run.frames, run.cpu_s):.1f}")
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title)
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def _board() -> str:
    """Return the name of a board, empty where the machine has no device tree."""
    try:
        return _BOARD.read_text("utf-8").strip("\0\n ")
    except OSError:
        return ""


def _processor() -> str:
    """Return the name of the processor, empty where Linux does not name it, as on ARM."""
    try:
        rows = (line.partition(":") for line in _PROCESSOR.read_text("utf-8").splitlines())
    except OSError:
        return ""
    return next((value.strip() for key, _, value in rows if key.strip() == "model name"), "")
