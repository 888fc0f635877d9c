"""A batch as the command line asks for it: opens the outputs, chooses who classifies, and runs it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.alert.digest import digest_line
from edge.batch import outputs
from edge.batch.engine import Engine, Job
from edge.batch.identity import Identity, identity_of
from edge.batch.inputs import Task, inputs
from edge.batch.job import Executor, Outputs, Serial, spooled, stream
from edge.batch.parquet import parquet_rows
from edge.batch.progress_file import Spool
from edge.batch.remote import Remote
from edge.batch.rows import CsvRows, JsonRows
from edge.batch.summary_page import summary_tally
from edge.capture.kinds import Kind, kind_to_read
from edge.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.progress import Progress

    from edge.batch.inputs import Inputs
    from edge.batch.rows import RowWriter
    from edge.batch.tally import Tally
    from edge.errors import EdgeError
    from edge.settings.load import Loaded


@dataclass(frozen=True, slots=True)
class Request:
    """What `maskwatch detect` is asked for; a file of None is not written, - is standard output.

    workers: processes; 1: this one.  scheduler: address of a Dask cluster; empty: none.
    """

    paths: Sequence[str]
    json: Path | None = None
    csv: Path | None = None
    parquet: Path | None = None
    summary: Path | None = None
    alerts: Path | None = None
    annotate: Path | None = None
    every_s: float = 0.0
    digest: bool = False
    workers: int = 1
    scheduler: str = ""

    @property
    def files(self) -> dict[str, Path | None]:
        """The output of each option."""
        tables = {"--json": self.json, "--csv": self.csv, "--parquet": self.parquet}
        return {**tables, "--summary": self.summary, "--alerts": self.alerts}

    @property
    def prints_rows(self) -> bool:
        """Whether rows are written, or alerts printed, so that no line for people is."""
        return bool(self.json or self.csv or self.parquet or self.summary) or str(self.alerts) == "-"


class Reporter(Protocol):
    """Shows progress and errors."""

    progress: Progress

    def print(self, error: EdgeError | str) -> None:
        """Print a note."""
        ...

    def count(self, error: EdgeError) -> None:
        """Take the error of an input."""
        ...

    def print_line(self, line: str) -> None:
        """Print a line of the result on standard output."""
        ...


def run(request: Request, loaded: Loaded, report: Reporter) -> None:
    """Classify what is asked for, and write it.

    Raises:
        EdgeError: inputs are absent, or an output, a model, the progress file or the cluster cannot be used.
    """
    files = inputs(request.paths, report.print)
    here = [path for path, _ in files if isinstance(path, Path)]
    outputs.check_outputs(request.files, here)
    drawings = outputs.Drawings(request.annotate, here) if request.annotate else None
    tasks = tasks_of(files, drawings)
    engine = Engine(Job(loaded.settings, request.every_s))
    place = None if drawings and drawings.among_inputs else _progress_place(request, tasks)
    with ExitStack() as opened:
        if not (place or request.workers > 1 or request.scheduler):
            stream(tasks, engine, opened.enter_context(_outputs(request, loaded, engine, report)), report.progress)
            return
        identity = identity_of(engine.job, engine.models)
        spool = opened.enter_context(Spool(place, identity))
        if place:  # this run alone holds it, so that drafts of these outputs are of runs that were killed
            outputs.remove_drafts(path for path in request.files.values() if path and _is_kept(path))
        executor = opened.enter_context(_executor(request, engine, identity, report.progress))
        out = opened.enter_context(_outputs(request, loaded, engine, report))
        spooled(tasks, executor, spool, out, report)


def tasks_of(files: Inputs, drawings: outputs.Drawings | None) -> list[Task]:
    """Return what to do, with the name of each drawing: given in the order of the inputs, not of the drawing."""
    if drawings is None:
        return [Task(path, kind) for path, kind in files]
    return [_drawn_task(path, kind, drawings) for path, kind in files]


def _drawn_task(path: Path | Remote, kind: Kind | None, drawings: outputs.Drawings) -> Task:
    try:
        kind = kind or (path.kind if isinstance(path, Remote) else kind_to_read(path))
    except CameraError:  # reported when its turn comes
        return Task(path)
    return Task(path, kind, drawings.path_for(path, ".mp4" if kind is Kind.VIDEO else ".jpg"))


def _progress_place(request: Request, tasks: Sequence[Task]) -> Path | None:
    """Return where the progress of a batch is kept: next to its first output; None where there is nothing to resume."""
    named = next((path for path in (*request.files.values(), request.annotate) if path and _is_kept(path)), None)
    if named is None or len(tasks) < 2 or any(isinstance(task.path, Path) and task.path.is_fifo() for task in tasks):
        return None
    return named.with_name(f"{named.name}.progress")


def _is_kept(path: Path) -> bool:
    return str(path) != "-" and not outputs.is_device(path)


@contextmanager
def _executor(request: Request, engine: Engine, identity: Identity, progress: Progress) -> Iterator[Executor]:
    """Yield who classifies: a cluster, processes, or this process."""
    if request.scheduler:
        from edge.batch.cluster import cluster  # noqa: PLC0415 - an extra

        with cluster(engine.job, identity, request.scheduler) as workers:
            yield workers
    elif request.workers > 1:
        from edge.batch.processes import worker_processes  # noqa: PLC0415 - a one-off use needs none

        with worker_processes(engine.job, request.workers) as processes:
            yield processes
    else:
        yield Serial(engine, progress)


@contextmanager
def _outputs(request: Request, loaded: Loaded, engine: Engine, report: Reporter) -> Iterator[Outputs]:
    """Yield where records go; the files appear when they are complete."""
    with (
        outputs.whole_file(request.json, partly=True) as json_out,
        outputs.whole_file(request.csv, partly=True) as csv_out,
        parquet_rows(request.parquet) as parquet_out,
        summary_tally(request.summary, request.every_s, loaded, engine.models.specs) as tally,
        outputs.whole_file(request.alerts, partly=True) as alerts_out,
    ):
        rows: list[RowWriter | None] = [
            JsonRows(json_out) if json_out else None,
            CsvRows(csv_out) if csv_out else None,
            parquet_out,
            tally,
        ]
        lines = _Lines(request, report, tally)
        yield Outputs([row for row in rows if row], alerts_out, lines.summarise, lines.digest, lines.bad)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Prints what a person is to read, as far as it is asked for."""

    request: Request
    report: Reporter
    tally: Tally | None

    def summarise(self, line: str) -> None:
        if not self.request.prints_rows:
            self.report.print_line(line)

    def digest(self, source: str, of_episodes: str) -> None:
        if self.request.digest:
            self.report.print_line(digest_line(source, of_episodes))

    def bad(self, error: EdgeError) -> None:
        self.report.count(error)
        if self.tally:
            self.tally.add_bad(error)
