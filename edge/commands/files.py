"""Commands on files: detect, bench."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from edge.commands.options import Config, Env, Set, load_settings
from edge.settings import Environment

if TYPE_CHECKING:
    from edge.errors import CameraError


app = typer.Typer()


@app.command(
    epilog="Examples: `maskwatch detect photo.jpg` · `maskwatch detect photos/ --json faces.jsonl` · "
    "`maskwatch detect clip.mp4 --annotate out/ --alerts alerts.jsonl`"
)
def detect(
    paths: Annotated[list[Path], typer.Argument(help="pictures, videos, folders of them", metavar="PATH...")],
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="one JSON line a picture or frame; - prints")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="one line a face")] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="a folder for the pictures with boxes drawn", metavar="DIR")
    ] = None,
    alerts: Annotated[Path | None, typer.Option(help="the alerts of videos as JSON lines")] = None,
    every: Annotated[float, typer.Option(help="seconds of video between two judged frames", min=0.0)] = 0.0,
) -> None:
    """Judge pictures, videos and folders, and end."""
    settings = load_settings(env, config, overrides).settings
    from edge.batch import detect as batch
    from edge.batch.outputs import whole_file
    from edge.batch.rows import CsvRows, JsonRows, RowWriter, TextRows
    from edge.health import Timings
    from edge.joined import stages as parts
    from edge.privacy.zones import Blinkers

    files = batch.inputs(paths)
    models = parts.load_models(settings, profile="quality")
    console = Console(stderr=True)
    if annotate:
        annotate.mkdir(parents=True, exist_ok=True)

    def tell(error: CameraError) -> None:
        console.print(f"maskwatch: {error}", markup=False, highlight=False, soft_wrap=True)

    with (
        whole_file(json_file) as json_out,
        whole_file(csv_file) as csv_out,
        whole_file(alerts) as alerts_out,
    ):
        writers: list[RowWriter] = [JsonRows(json_out)] if json_out else []
        writers += [CsvRows(csv_out)] if csv_out else []
        if not (writers or annotate or alerts):
            writers = [TextRows(sys.stdout)]
        job = batch.Batch(
            models,
            lambda: parts.build_stages(settings, models, Timings(), every_frame=True),
            batch.Outputs(writers, annotate, alerts_out),
            every_s=every,
            on_bad=tell,
            paint=Blinkers(settings.privacy.no_look),
        )
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            job.run(files, progress)
    if job.bad:
        raise typer.Exit(1)


@app.command(epilog="Examples: `maskwatch bench` · `maskwatch bench clip.mp4 --set detector.profile=quality`")
def bench(
    video: Annotated[Path | None, typer.Argument(help="a video; none: the demo", metavar="VIDEO")] = None,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    frames: Annotated[int, typer.Option(help="frames to walk at most", min=1)] = 400,
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
