"""Commands on models: evaluate, compare, label."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from edge.commands.options import Config, Env, Set, load_settings
from edge.commands.reporting import reporting, write_result
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.settings.schema import Settings
    from edge.stages import Models

app = typer.Typer()

Labelled = Annotated[
    Path,
    typer.Argument(help="a folder with boxes.jsonl, with crops.jsonl, or with one folder per label", metavar="DATASET"),
]
Json = Annotated[Path | None, typer.Option("--json", help="write the figures as JSON; - prints them", metavar="FILE")]


class Colour(StrEnum):
    """What is done to the colours of each image before it is classified."""

    PLAIN = "plain"
    GREY = "grey"
    SWAPPED = "swapped"


@app.command(
    epilog="Examples: `maskwatch evaluate scenes/` · `maskwatch evaluate scenes/ --set detector.profile=live "
    "--json report.json` · `maskwatch evaluate scenes/ --colour grey --plot reliability.png` · "
    "`maskwatch evaluate streets/ --empty` · `maskwatch evaluate clips.toml --set detector.profile=live --rate 5`"
)
def evaluate(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="a folder with boxes.jsonl, with crops.jsonl, with one folder per label, or with clips.toml, "
            "which lists videos; or such a TOML file",
            metavar="DATASET",
        ),
    ],
    *,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Json = None,
    rows: Annotated[
        Path | None, typer.Option(help="write the detected faces as `detect --json` does", metavar="FILE.jsonl")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="write the reliability curve as an image", metavar="FILE.png")
    ] = None,
    colour: Annotated[
        Colour, typer.Option(help="classify as it is, without colour, or with red and blue swapped")
    ] = Colour.PLAIN,
    empty: Annotated[
        bool, typer.Option("--empty", help="the images of the folder show nobody: every face found is a false one")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            help="videos: process so many frames per second, as `run` does on a device; without, every frame, as "
            "`detect` does",
            min=0.1,
            metavar="HZ",
        ),
    ] = None,
) -> None:
    """Measure the models on labelled images, or the alerts in videos; the figures have 95 % intervals."""
    settings = load_settings(env, config, overrides).settings
    from edge.evaluation.truth import truth_file

    if (truth := None if empty else truth_file(dataset)) is not None:
        _refuse("images", {"--rows": rows, "--plot": plot, "--colour": colour is not Colour.PLAIN})
        _evaluate_clips(settings, truth, json_file, rate)
    else:
        _refuse("videos", {"--rate": rate})
        _evaluate_images(settings, dataset, json_file, _Images(rows, plot, colour, empty))


def _refuse(meant_for: str, options: Mapping[str, object]) -> None:
    """Refuse options that are given and have no meaning here."""
    for name, value in options.items():
        if value:
            raise typer.BadParameter(f"{name} is for {meant_for}")


class _Images(NamedTuple):
    """The options for images."""

    rows: Path | None
    plot: Path | None
    colour: Colour
    empty: bool


def _evaluate_images(settings: Settings, dataset: Path, json_file: Path | None, options: _Images) -> None:
    from edge import stages as parts
    from edge.batch.outputs import save_image, to_json, to_lines, whole_file
    from edge.evaluation import evaluate as batch
    from edge.evaluation.dataset import read_dataset, read_empty
    from edge.evaluation.images import COLOURS

    labelled = read_empty(dataset) if options.empty else read_dataset(dataset)
    models = parts.load_models(settings, profile="quality")
    with reporting() as report, whole_file(json_file) as json_out, whole_file(options.rows) as rows_out:
        change = COLOURS[options.colour]
        done = batch.classify_dataset(labelled, models, change, report.progress, report.count)
        figures = batch.report(done, models) | {"colour": options.colour.value}
        if rows_out:
            rows_out.write(to_lines(done.rows))
        if options.plot:
            save_image(options.plot, batch.curve(figures))
        report.progress.stop()  # so that the table does not begin in the middle of the bar
        write_result(json_out, to_json(figures), batch.table(figures))


def _evaluate_clips(settings: Settings, truth: Path, json_file: Path | None, rate_hz: float | None) -> None:
    from edge import stages as parts
    from edge.batch.outputs import to_json, whole_file
    from edge.evaluation import starts
    from edge.evaluation.truth import read_clips

    clips = read_clips(truth)
    models = parts.load_models(settings, profile="quality")
    with reporting() as report, whole_file(json_file) as json_out:
        figures = starts.report(clips, models, settings, rate_hz, report.progress, report.count)
        report.progress.stop()
        write_result(json_out, to_json(figures), starts.table(figures))


@app.command(
    epilog="Examples: `maskwatch compare models/mask other/ scenes/` · "
    "`maskwatch compare models/mask other/ scenes/ --json differences.json --sheet faces.png`"
)
def compare(
    model_a: Annotated[Path, typer.Argument(help="a model's folder", metavar="MODEL_A")],
    model_b: Annotated[Path, typer.Argument(help="the folder of another model of the same kind", metavar="MODEL_B")],
    dataset: Labelled,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Json = None,
    sheet: Annotated[
        Path | None, typer.Option(help="write an image of the faces on which they disagree", metavar="FILE.png")
    ] = None,
) -> None:
    """Compare two mask models on the same faces, or two face models on the same images."""
    settings = load_settings(env, config, overrides).settings
    from edge.batch.outputs import save_image, to_json, whole_file
    from edge.evaluation import compare as batch
    from edge.evaluation.dataset import read_dataset

    labelled = read_dataset(dataset)
    kind = batch.same_kind(model_a, model_b, labelled)
    a, b = (_with(settings, kind, folder) for folder in (model_a, model_b))
    with reporting() as report, whole_file(json_file) as json_out:
        pair = batch.compare(labelled, a, b, kind, report.progress, report.count)
        figures = batch.differences(pair, report.progress)
        if sheet:
            save_image(sheet, batch.sheet_of(pair))
        report.progress.stop()
        write_result(json_out, to_json(figures), batch.table(figures))


@app.command(epilog="Examples: `maskwatch label photographs/` · `maskwatch label photographs/ --port 8090`")
def label(
    folder: Annotated[Path, typer.Argument(help="a folder of photographs of people who were asked", metavar="FOLDER")],
    *,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    port: Annotated[int, typer.Option(help="port of the page, on this machine only", min=1, max=65_535)] = 8081,
) -> None:
    """Label the faces of photographs on a local page; writes FOLDER/boxes.jsonl, as `evaluate` reads it."""
    settings = load_settings(env, config, overrides).settings
    from edge.label.serve import serve

    serve(settings, folder, port, lambda address: typer.echo(f"{address} (token: maskwatch web --token); stop: Ctrl-C"))


def _with(settings: Settings, kind: str, folder: Path) -> Models:
    """Return the models in force with that of one kind, face or mask, from another folder."""
    from edge import stages as parts

    face, mask = (folder if kind == each else None for each in ("face", "mask"))
    return parts.load_models(settings, profile="quality", face=face, mask=mask)
