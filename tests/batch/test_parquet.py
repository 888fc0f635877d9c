"""`maskwatch detect --parquet`: the table of faces with its types, whole or not at all."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from edge.batch.parquet import COLUMNS, parquet_rows
from edge.errors import OutputError
from tests.support.fakes import eventually
from tests.support.program import command, environment, maskwatch

pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
parquet = pytest.importorskip("pyarrow.parquet")


def row(frame: int, faces: int, source: str = "a.jpg") -> dict:
    face = {"box": [1.0, 2.0, 3.5, 4.0], "score": 0.75, "label": "unsure", "confidence": 0.5}
    return {"source": source, "frame": frame, "t_s": frame / 4, "width": 9, "height": 9, "faces": [face] * faces}


def test_its_rows_are_those_of_the_csv_file_with_types(tmp_path, demo_video, demo_picture):
    table, sheet = tmp_path / "faces.parquet", tmp_path / "faces.csv"
    outputs = ("--parquet", table, "--csv", sheet)
    assert maskwatch("detect", demo_video, demo_picture, "--every", 2, *outputs).returncode == 0
    read = parquet.read_table(table)
    with sheet.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert read.column_names == list(lines[0])
    texts = [{name: "" if value is None else value for name, value in face.items()} for face in read.to_pylist()]
    typed = [
        {name: type(face[name])(text) for name, text in line.items()} for face, line in zip(texts, lines, strict=True)
    ]
    assert typed == texts
    assert len(lines) > 10
    assert {face["track_id"] for face in read.to_pylist() if face["source"] == str(demo_picture)} == {None}


def test_its_schema_is_the_documented_one(tmp_path):
    with parquet_rows(tmp_path / "t.parquet") as rows:
        rows.write(row(0, 1))
    schema = parquet.read_schema(tmp_path / "t.parquet")
    documented = (Path(__file__).parents[2] / "docs/files.md").read_text("utf-8")
    for field, column in zip(schema, COLUMNS, strict=True):
        kind = {"float": "float32", "double": "float64"}.get(str(field.type), str(field.type))
        assert (field.name, kind, field.nullable) == (column.name, column.kind, column.is_optional)
        assert f"| `{field.name}` | {kind}{', may be null' if field.nullable else ''} |" in documented


def test_an_input_without_a_face_gives_a_table_without_rows(tmp_path):
    with parquet_rows(tmp_path / "t.parquet") as rows:
        rows.write(row(0, 0))
    assert parquet.read_table(tmp_path / "t.parquet").num_rows == 0


def test_memory_does_not_grow_with_the_number_of_rows(tmp_path):
    peaks = []
    for faces in (50_000, 200_000):
        tracemalloc.start()
        with parquet_rows(tmp_path / f"{faces}.parquet") as rows:
            for frame in range(faces // 10):
                rows.write(row(frame, 10))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert parquet.ParquetFile(tmp_path / "200000.parquet").num_row_groups > 5


def test_a_name_that_is_not_utf_8_is_written_as_in_json(tmp_path):
    with parquet_rows(tmp_path / "t.parquet") as rows:
        rows.write(row(0, 1, os.fsdecode(b"caf\xe9.jpg")))
    assert parquet.read_table(tmp_path / "t.parquet")["source"].to_pylist() == [r"caf\udce9.jpg"]


def test_a_command_that_is_ended_early_leaves_no_table(tmp_path, demo_video):
    """A Parquet file without its end cannot be opened, so part of one is of no use."""
    table, lines = tmp_path / "t.parquet", tmp_path / "o.jsonl"
    arguments = command("detect", demo_video, "--parquet", table, "--json", lines)
    process = subprocess.Popen(arguments, env=environment(), stderr=subprocess.PIPE)
    assert eventually(lambda: any(part.read_bytes().count(b"\n") > 3 for part in tmp_path.glob(".o.jsonl.*.part")), 40)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=20)
    assert (process.returncode, messages) == (130, b"")
    assert [path.name for path in tmp_path.iterdir() if path != demo_video] == ["o.jsonl"]


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("/dev/full", 78, "/dev/full: cannot be written: No space left on device"),
        ("-", 78, "--parquet -: Parquet is not text that can be printed; name a file"),
        ("/nonexistent/t.parquet", 78, "/nonexistent/t.parquet: cannot be written: No such file or directory"),
        (".", 78, ".: is a folder; name a file"),
    ],
)
def test_a_table_that_cannot_be_written_is_one_sentence(demo_picture, name, code, message):
    done = maskwatch("detect", demo_picture, "--parquet", name)
    assert (done.returncode, done.stderr) == (code, f"maskwatch: {message}\n")


def test_a_disk_that_is_full_during_a_row_group_is_one_sentence():
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space"):
        write_many(Path("/dev/full"))


def write_many(path: Path) -> None:
    with parquet_rows(path) as rows:
        for frame in range(100):
            rows.write(row(frame, 1000))


def test_without_the_extra_it_names_the_fix(tmp_path, demo_picture):
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError('pyarrow')")
    paths = f"{tmp_path}:{environment()['PYTHONPATH']}"
    done = maskwatch("detect", demo_picture, "--parquet", tmp_path / "t.parquet", PYTHONPATH=paths)
    message = "--parquet needs the package pyarrow; fix: pip install 'maskwatch[parquet]'"
    assert (done.returncode, done.stderr) == (66, f"maskwatch: {message}\n")
    assert not (tmp_path / "t.parquet").exists()
