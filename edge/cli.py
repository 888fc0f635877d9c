"""The command `maskwatch`: options, help and exit codes; the only place that catches EdgeError."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from edge import __version__
from edge.errors import EdgeError, InputError
from edge.layers import Loaded, load
from edge.settings import Environment

if TYPE_CHECKING:
    from edge.errors import CameraError
    from edge.settings import Settings

app = typer.Typer(
    name="maskwatch",
    help="Watch a place by camera: judge masks, tell the people nearby, publish alerts over MQTT.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Env = Annotated[Environment, typer.Option("--env", help="which differences to read over the defaults")]
Config = Annotated[Path | None, typer.Option("--config", help="a TOML file of settings", metavar="FILE")]
Set = Annotated[list[str] | None, typer.Option("--set", help="one setting; may be repeated", metavar="KEY=VALUE")]


def run_command() -> int:
    """Run what the command line says and return the exit code."""
    try:
        app()
    except EdgeError as error:
        print(f"maskwatch: {error}", file=sys.stderr)  # noqa: T201 - the one sentence for the user
        return error.exit_code
    except BrokenPipeError:
        # whoever read us has gone, as `head` does: nothing is wrong, and there is nobody left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _version(*, value: bool) -> None:
    if value:
        typer.echo(f"maskwatch {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Watch a place by camera: judge masks, tell the people nearby, publish alerts over MQTT."""
    _ = version


def _load(env: Environment, config: Path | None, overrides: list[str] | None, *more: str) -> Loaded:
    """Return the settings, and set logging up as they say."""
    import logging  # noqa: PLC0415 - with its handler, wanted by commands alone

    from rich.logging import RichHandler  # noqa: PLC0415

    loaded = load(env, config, [*(overrides or []), *more])
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False) if console.is_terminal else logging.StreamHandler()
    logging.basicConfig(level=loaded.settings.log.level.upper(), format="%(message)s", handlers=[handler], force=True)
    return loaded


@app.command(
    epilog="Examples: `maskwatch run` · `maskwatch run --source demo` · `maskwatch run --source usb:0 --headless`"
)
def run(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="auto, camera, picamera, usb:N, rtsp://…, a video, a picture or folder, demo", metavar="SPEC"
        ),
    ] = None,
    overrides: Set = None,
    headless: Annotated[bool, typer.Option("--headless", help="open no window")] = False,
) -> None:
    """Watch a camera, tell the people nearby, publish alerts; Ctrl-C ends it."""
    more = [f"camera.source={source}"] if source else []
    more += ["show.window=off"] if headless else []

    def read() -> Settings:
        return _load(env, config, overrides, *more).settings

    settings = read()
    from edge.app import watch as watch_camera  # noqa: PLC0415 - OpenCV and the models take a second to import

    watch_camera(settings, read)


@app.command(epilog="Examples: `maskwatch view` · `maskwatch view --full-screen`")
def view(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    socket: Annotated[Path | None, typer.Option(help="where the running maskwatch listens", metavar="PATH")] = None,
    full_screen: Annotated[bool, typer.Option("--full-screen", help="fill the screen")] = False,
) -> None:
    """Open a window on a running maskwatch; q closes it, f fills the screen."""
    settings = _load(env, config, overrides).settings
    from edge.show import slot, window  # noqa: PLC0415

    if not window.has_display():
        raise InputError("there is no display; mend: run this on the device's desktop, or through ssh -X")
    named = socket or (Path(settings.show.socket) if settings.show.socket else None)
    default = slot.default_path()
    window.show(named or (default if default.exists() else slot.SERVICE_PATH), full_screen=full_screen)


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
    settings = _load(env, config, overrides).settings
    from edge import stages as parts  # noqa: PLC0415
    from edge.batch import detect as batch  # noqa: PLC0415
    from edge.batch.rows import CsvRows, JsonRows, RowWriter, TextRows  # noqa: PLC0415
    from edge.health import Timings  # noqa: PLC0415

    files = batch.inputs(paths)
    models = parts.load_models(settings, profile="quality")
    console = Console(stderr=True)
    if annotate:
        annotate.mkdir(parents=True, exist_ok=True)

    def tell(error: CameraError) -> None:
        console.print(f"maskwatch: {error}", markup=False, highlight=False, soft_wrap=True)

    with (
        batch.whole_file(json_file) as json_out,
        batch.whole_file(csv_file) as csv_out,
        batch.whole_file(alerts) as alerts_out,
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
        )
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            job.run(files, progress)
    if job.bad:
        raise typer.Exit(1)


@app.command(epilog="Examples: `maskwatch watch` · `maskwatch watch --set mqtt.host=broker.example`")
def watch(env: Env = Environment.DEVELOPMENT, config: Config = None, overrides: Set = None) -> None:
    """Subscribe to the alerts of every device on the broker and print each once; Ctrl-C ends it."""
    settings = _load(env, config, overrides).settings
    import signal  # noqa: PLC0415
    import threading  # noqa: PLC0415

    from edge.publish.broker import broker_of  # noqa: PLC0415
    from edge.publish.watch import alerts, describe  # noqa: PLC0415

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    for alert in alerts(broker_of(settings.mqtt, client_id=""), stop):
        typer.echo(describe(alert))


@app.command(epilog="Examples: `maskwatch check` · `maskwatch check --env production`")
def check(env: Env = Environment.DEVELOPMENT, config: Config = None, overrides: Set = None) -> None:
    """Print every setting and where it came from; open nothing."""
    loaded = _load(env, config, overrides)
    table = Table("setting", "value", "from")
    for section, content in loaded.settings.model_dump().items():
        for name, value in content.items():
            key = f"{section}.{name}"
            table.add_row(key, str(value), loaded.origins[key])
    Console().print(table)


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
    settings = _load(env, config, overrides).settings
    from edge.batch.bench import measure  # noqa: PLC0415
    from edge.batch.detect import whole_file  # noqa: PLC0415

    with whole_file(json_file) as out:
        table, figures = measure(settings, video, frames)
        if out:
            out.write(figures)
    Console().print(table)
