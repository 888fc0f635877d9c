"""The faces of `maskwatch detect --parquet`: one typed row per face, in row groups, whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from edge.batch.outputs import errors_of, whole_bytes
from edge.errors import OutputError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO
    from pathlib import Path

_GROUP_ROWS = 16_384
"""Faces of a row group: about 1 MB in memory, and enough for a reader to skip groups by their statistics."""


class Column(NamedTuple):
    """One column: `kind` is the name of a pyarrow type, `of` takes the row of a frame and one of its faces."""

    name: str
    kind: str
    of: Callable[[dict[str, Any], dict[str, Any]], object]
    is_optional: bool = False


def _text(source: str) -> str:
    r"""Return a file name as UTF-8 can hold it: a byte that is not valid UTF-8 is written as \udcXX, as in JSON."""
    return source.encode("utf-8", "backslashreplace").decode()


COLUMNS = (
    Column("source", "string", lambda row, _: _text(row["source"])),
    Column("frame", "int64", lambda row, _: row["frame"]),
    Column("t_s", "float64", lambda row, _: row["t_s"]),
    Column("x1", "float32", lambda _, face: face["box"][0]),
    Column("y1", "float32", lambda _, face: face["box"][1]),
    Column("x2", "float32", lambda _, face: face["box"][2]),
    Column("y2", "float32", lambda _, face: face["box"][3]),
    Column("score", "float32", lambda _, face: face["score"]),
    Column("label", "string", lambda _, face: face["label"]),
    Column("confidence", "float32", lambda _, face: face["confidence"]),
    Column("track_id", "int64", lambda _, face: face.get("track_id"), is_optional=True),
    Column("track_label", "string", lambda _, face: face.get("track_label"), is_optional=True),
)
"""The columns of --csv, with types. float32 holds a model's outputs exactly."""


class ParquetRows:
    """One row per face; at most one row group is in memory."""

    def __init__(self, path: Path, file: FileIO) -> None:
        """Write into an open file; `path` is its name in error sentences.

        Raises:
            Unavailable: the extra `parquet` is not installed.
            OutputError: the file cannot be written.
        """
        self._arrow, parquet = _libraries()
        types = {kind: getattr(self._arrow, kind)() for kind in {column.kind for column in COLUMNS}}
        fields = [self._arrow.field(c.name, types[c.kind], nullable=c.is_optional) for c in COLUMNS]
        self._schema = self._arrow.schema(fields)
        self._path = path
        self._waiting: list[tuple[object, ...]] = []
        with errors_of(path):
            self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, row: dict[str, Any]) -> None:
        """Add the faces of an image or frame.

        Raises:
            OutputError: the file cannot be written, for example because the disk is full.
        """
        self._waiting += (tuple(column.of(row, face) for column in COLUMNS) for face in row["faces"])
        if len(self._waiting) >= _GROUP_ROWS:
            self._write_group()

    def _write_group(self) -> None:
        columns = zip(*self._waiting, strict=True)
        arrays = [self._arrow.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        with errors_of(self._path):
            self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self._waiting.clear()

    def close(self) -> None:
        """Write what is waiting, and the end of the file, without which no reader opens it.

        Raises:
            OutputError: the file cannot be written.
        """
        if self._waiting:
            self._write_group()
        with errors_of(self._path):
            self._writer.close()

    def abandon(self) -> None:
        """Let go of a file that is not going to be complete."""
        with suppress(OSError):
            self._writer.close()


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - late: an extra, which takes 0.3 s to import
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise Unavailable("--parquet needs the package pyarrow; fix: pip install 'maskwatch[parquet]'") from error
    return pa, parquet


@contextmanager
def parquet_rows(path: Path | None) -> Iterator[ParquetRows | None]:
    """Give a writer whose file appears under its name when everything is written, else not at all.

    Raises:
        Unavailable: the extra `parquet` is not installed.
        OutputError: the file cannot be written.
    """
    if path is None:
        yield None
        return
    if str(path) == "-":
        raise OutputError("--parquet -: Parquet is not text that can be printed; name a file")
    with whole_bytes(path) as file:
        rows = ParquetRows(path, file)
        try:
            yield rows
            rows.close()
        finally:
            rows.abandon()
