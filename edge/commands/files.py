"""Commands on files: detect, bench."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from edge.commands.options import Config, Env, Set, load_settings
from edge.commands.reporting import new_report
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator


app = typer.Typer()


@app.command(
    epilog="Examples: `maskwatch detect photo.jpg` · `maskwatch detect photos/ --json faces.jsonl` · "
    "`maskwatch detect clip.mp4 --annotate out/ --alerts alerts.jsonl`"
)
def detect(  # noqa: PLR0913 - an argument per option
    paths: Annotated[
        list[str],
        typer.Argument(help="images, videos, folders of them, or addresses: s3://, https://", metavar="PATH"),
    ],
    *,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="write one JSON line per image or frame; - prints them", metavar="FILE"),
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="write one line per face; - prints them", metavar="FILE")
    ] = None,
    parquet: Annotated[
        Path | None,
        typer.Option(help="write the columns of --csv, typed; needs the extra `parquet`", metavar="FILE"),
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(help="write a page (HTML) with plots and lists, which shows no image", metavar="FILE")
    ] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="write images and videos with the boxes drawn into this folder", metavar="DIR")
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option(help="write the alerts of videos as JSON lines; - prints them", metavar="FILE")
    ] = None,
    every: Annotated[
        float,
        typer.Option(
            help="classify one frame per so many seconds of video; 0: every frame", min=0.0, metavar="SECONDS"
        ),
    ] = 0.0,
    digest: Annotated[
        bool, typer.Option("--digest", help="print `digest SHA256 FILE` of the episodes of each video")
    ] = False,
    workers: Annotated[
        int, typer.Option(help="classify as many files at once, each in its own process", min=1, metavar="NUMBER")
    ] = 1,
    scheduler: Annotated[
        str,
        typer.Option(
            help="let a Dask cluster classify: tcp://HOST:PORT, or local:N processes; needs the extra `cluster`",
            metavar="ADDRESS",
        ),
    ] = "",
) -> None:
    """Classify the faces in images, videos and folders."""
    loaded = load_settings(env, config, overrides)
    from edge.batch.detect import Request, run

    request = Request(paths, json_file, csv_file, parquet, summary, alerts, annotate, every, digest, workers, scheduler)
    report = new_report()
    with _ended_by_signals(), report:
        run(request, loaded, report)
    if report.unreadable:
        raise typer.Exit(1)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End as after Ctrl-C, and keep what is finished, when the session ends or the process gets SIGTERM."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@app.command(
    epilog="Examples: `maskwatch bench` · `maskwatch bench clip.mp4 --set detector.profile=quality` · "
    "`maskwatch bench --csv results.csv`"
)
def bench(
    video: Annotated[
        Path | None, typer.Argument(help="a video; without one, the demo is used", metavar="VIDEO")
    ] = None,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    frames: Annotated[int, typer.Option(help="process at most this many frames", min=1, metavar="NUMBER")] = 400,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the figures as JSON", metavar="FILE")] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv", help="append a row for this machine to a file of results, created if needed", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Process a video as fast as possible, and print how much time each stage took.

    It is processed three times: with faces detected in every frame, only where something moves, and only as often as
    the machine can.
    """
    settings = load_settings(env, config, overrides).settings
    from edge.batch.outputs import whole_file
    from edge.bench.report import append_row, check_rows, report_of
    from edge.bench.runs import measured
    from edge.stages import acceleration_of, load_models

    if csv_file:
        check_rows(csv_file)
    with whole_file(json_file) as out:
        models = load_models(settings, profile="live", acceleration=acceleration_of(settings))
        report = report_of(measured(settings, models, video, frames), settings, models, video)
        if out:
            out.write(report.json())
    if csv_file:
        append_row(csv_file, report.row())
    Console().print(*report.tables(), sep="\n")
