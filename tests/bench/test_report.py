"""The figures of a run: per stage, as JSON, and as a row of the results of many machines."""

from __future__ import annotations

import csv
import json

import pytest

from edge.bench.report import COLUMNS, Report, append_row, check_rows
from edge.bench.runs import Run
from edge.errors import OutputError

MACHINE = {
    "date": "2026-11-28",
    "machine": "Raspberry Pi 4 Model B Rev 1.4",
    "processor": "",
    "cores": 4,
    "version": "0.1.0",
    "python": "3.13.5",
    "runtime": "ai_edge_litert.interpreter",
    "delegate": "",
    "profile": "centerface-small",
    "threads": 1,
    "source": "demo",
}


@pytest.fixture
def report():
    """Return a report of runs of twenty frames: detecting took 1 to 20 ms, half of the time in all."""
    stages = {"detect": [number / 1e3 for number in range(1, 21)], "classify": [0.002, 0.004]}
    first = Run(frames=20, selected=20, elapsed_s=0.42, cpu_s=0.4, stages=stages)
    gate = Run(frames=20, selected=5, elapsed_s=0.2, cpu_s=0.1, stages={"detect": [0.01]})
    return Report({"every_frame": first, "gate": gate, "gate_and_governor": gate}, MACHINE, 150_400_000, None)


def test_a_stage_has_its_median_its_95th_percentile_and_its_share(report):
    stage = json.loads(report.json())["runs"]["every_frame"]["stages"]["detect"]
    assert stage == {"median_ms": 10.5, "p95_ms": pytest.approx(19.95), "share": 0.5, "calls": 20}


def test_rates_are_per_second_and_per_second_of_the_processor(report):
    run = json.loads(report.json())["runs"]["every_frame"]
    assert (run["fps_hz"], run["frames_per_cpu_s"]) == (47.62, 50.0)


def test_rows_are_appended_below_one_header(tmp_path, report):
    path = tmp_path / "results.csv"
    for _ in range(2):
        check_rows(path)
        append_row(path, report.row())
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert set(rows[0]) == set(COLUMNS)
    expected = {"frames_per_cpu_s": "50.0", "gate_frames_per_cpu_s": "200.0", "rss_mb": "150", "temperature_c": ""}
    assert expected.items() <= rows[1].items()


def test_a_file_that_cannot_be_a_file_of_results_is_refused(tmp_path):
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    with pytest.raises(OutputError, match="not UTF-8"):
        check_rows(tmp_path / "image.png")
    with pytest.raises(OutputError, match="cannot be read"):
        check_rows(tmp_path)
