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

    from edge.errors import EdgeError

app = typer.Typer()


@app.command(
    epilog="Examples: `maskwatch detect photo.jpg` · `maskwatch detect photos/ --json faces.jsonl` · "
    "`maskwatch detect clip.mp4 --annotate out/ --alerts alerts.jsonl`"
)
def detect(
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
) -> None:
    """Classify the faces in images, videos and folders."""
    loaded = load_settings(env, config, overrides)
    settings = loaded.settings
    from edge import stages as parts
    from edge.batch import detect as batch
    from edge.batch import outputs
    from edge.batch.parquet import parquet_rows
    from edge.batch.rows import CsvRows, JsonRows, RowWriter
    from edge.batch.summary_page import summary_tally
    from edge.capture.preprocess import preparation
    from edge.monitor.timings import Timings
    from edge.privacy.zones import PrivacyZones

    report = new_report()
    files = batch.inputs(paths, report.print)
    named = [path for path, _ in files if isinstance(path, Path)]
    written = {"--json": json_file, "--csv": csv_file, "--parquet": parquet, "--summary": summary, "--alerts": alerts}
    outputs.check_outputs(written, named)
    drawings = outputs.Drawings(annotate, named) if annotate else None
    models = parts.load_models(settings, profile="quality")
    standard_output = outputs.StandardOutput()

    def print_line(line: str) -> None:
        report.progress.stop()  # so that the line does not end in the middle of the bar
        standard_output.write(f"{line}\n")
        report.progress.start()

    with (
        _ended_by_signals(),
        outputs.whole_file(json_file, partly=True) as json_out,
        outputs.whole_file(csv_file, partly=True) as csv_out,
        parquet_rows(parquet) as parquet_out,
        summary_tally(summary, every, loaded, models.specs) as tally,
        outputs.whole_file(alerts, partly=True) as alerts_out,
    ):
        writers: list[RowWriter] = [JsonRows(json_out)] if json_out else []
        writers += [CsvRows(csv_out)] if csv_out else []
        writers += [parquet_out] if parquet_out else []
        writers += [tally] if tally else []

        def on_bad(error: EdgeError) -> None:
            report.count(error)
            if tally:
                tally.add_bad(error)

        job = batch.Batch(
            models,
            lambda: parts.build_stages(settings, models, Timings(), every_frame=True, apart_s=every),
            batch.Outputs(writers, drawings, alerts_out, None if writers or str(alerts) == "-" else print_line),
            every_s=every,
            on_bad=on_bad,
            prepare=preparation(settings.camera, PrivacyZones(settings.privacy.no_look)),
        )
        with report:
            job.run(files, report.progress)
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


@app.command(epilog="Examples: `maskwatch bench` · `maskwatch bench clip.mp4 --set detector.profile=quality`")
def bench(
    video: Annotated[
        Path | None, typer.Argument(help="a video; without one, the demo is used", metavar="VIDEO")
    ] = None,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    frames: Annotated[int, typer.Option(help="process at most this many frames", min=1, metavar="NUMBER")] = 400,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the figures as JSON", metavar="FILE")] = None,
) -> None:
    """Process a video as fast as possible, and print how much time each stage took."""
    settings = load_settings(env, config, overrides).settings
    from edge.batch.bench import measure
    from edge.batch.outputs import whole_file

    with whole_file(json_file) as out:
        table, figures = measure(settings, video, frames)
        if out:
            out.write(figures)
    Console().print(table)
