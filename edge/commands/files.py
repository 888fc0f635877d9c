"""Commands on files: detect, bench."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from edge.commands.options import Config, Env, Set, load_settings, progress_of
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
    paths: Annotated[list[Path], typer.Argument(help="pictures, videos, folders of them", metavar="PATH")],
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="one JSON line per image or frame; - prints", metavar="FILE")
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="one line per face; - prints", metavar="FILE")] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="a folder for the pictures with boxes drawn", metavar="DIR")
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option(help="the alerts of videos as JSON lines; - prints", metavar="FILE")
    ] = None,
    every: Annotated[
        float, typer.Option(help="seconds of video between two classified frames", min=0.0, metavar="SECONDS")
    ] = 0.0,
) -> None:
    """Judge pictures, videos and folders, and end."""
    settings = load_settings(env, config, overrides).settings
    from edge import stages as parts
    from edge.batch import detect as batch
    from edge.batch import outputs
    from edge.batch.rows import CsvRows, JsonRows, RowWriter
    from edge.capture.preprocess import preparation
    from edge.monitor.timings import Timings
    from edge.privacy.zones import PrivacyZones

    console = Console(stderr=True)

    def tell(error: EdgeError | str) -> None:
        console.print(f"maskwatch: {error}", markup=False, highlight=False, soft_wrap=True)

    files = batch.inputs(paths, tell)
    named = [path for path, _ in files]
    outputs.check_outputs({"--json": json_file, "--csv": csv_file, "--alerts": alerts}, named)
    drawings = outputs.Drawings(annotate, named) if annotate else None
    models = parts.load_models(settings, profile="quality")
    standard_output = outputs.StandardOutput()
    progress = progress_of(console)

    def print_line(line: str) -> None:
        progress.stop()  # else the line would end in the middle of the bar
        standard_output.write(f"{line}\n")
        progress.start()

    with (
        _ended_by_signals(),
        outputs.whole_file(json_file, partly=True) as json_out,
        outputs.whole_file(csv_file, partly=True) as csv_out,
        outputs.whole_file(alerts, partly=True) as alerts_out,
    ):
        writers: list[RowWriter] = [JsonRows(json_out)] if json_out else []
        writers += [CsvRows(csv_out)] if csv_out else []
        job = batch.Batch(
            models,
            lambda: parts.build_stages(settings, models, Timings(), every_frame=True),
            batch.Outputs(writers, drawings, alerts_out, None if writers or str(alerts) == "-" else print_line),
            every_s=every,
            on_bad=tell,
            prepare=preparation(settings.camera, PrivacyZones(settings.privacy.no_look)),
        )
        with progress:
            job.run(files, progress)
    if job.bad:
        raise typer.Exit(1)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End as by Ctrl-C, with what is finished kept, when the session ends or somebody sends SIGTERM."""

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
    video: Annotated[Path | None, typer.Argument(help="a video; none: the demo", metavar="VIDEO")] = None,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    frames: Annotated[int, typer.Option(help="frames to walk at most", min=1, metavar="NUMBER")] = 400,
    json_file: Annotated[Path | None, typer.Option("--json", help="the figures as JSON", metavar="FILE")] = None,
) -> None:
    """Walk a video as fast as it goes and print where the time went."""
    settings = load_settings(env, config, overrides).settings
    from edge.batch.bench import measure
    from edge.batch.outputs import whole_file

    with whole_file(json_file) as out:
        table, figures = measure(settings, video, frames)
        if out:
            out.write(figures)
    Console().print(table)
