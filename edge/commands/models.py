"""Commands on models: evaluate, compare."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from edge.commands.options import Config, Env, Set, load_settings, progress_of
from edge.commands.results import give
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from edge.errors import CameraError

app = typer.Typer()

Labelled = Annotated[
    Path,
    typer.Argument(
        help="a folder with boxes.jsonl, with crops.jsonl, or with a folder for each label", metavar="DATASET"
    ),
]
Json = Annotated[Path | None, typer.Option("--json", help="the figures as JSON; - prints", metavar="FILE")]


class Colour(StrEnum):
    """What is done to each picture before it is judged."""

    PLAIN = "plain"
    GREY = "grey"
    SWAPPED = "swapped"


@dataclass(slots=True)
class _Telling:
    """How the work goes on, and how many pictures could not be read."""

    console: Console
    progress: Progress
    unreadable: int = 0

    def bad(self, error: CameraError) -> None:
        self.unreadable += 1
        self.console.print(f"maskwatch: {error}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _telling() -> Iterator[_Telling]:
    """Show progress on a terminal; end with 1 if a picture could not be read."""
    console = Console(stderr=True)
    with progress_of(console) as progress:
        tell = _Telling(console, progress)
        yield tell
    if tell.unreadable:
        raise typer.Exit(1)


@app.command(
    epilog="Examples: `maskwatch evaluate scenes/` · `maskwatch evaluate scenes/ --set detector.profile=live "
    "--json report.json` · `maskwatch evaluate scenes/ --colour grey --plot reliability.png`"
)
def evaluate(
    dataset: Labelled,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Json = None,
    rows: Annotated[
        Path | None, typer.Option(help="what was found, as `detect --json` has it", metavar="FILE.jsonl")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="the reliability curve", metavar="FILE.png")] = None,
    colour: Annotated[Colour, typer.Option(help="judge without colour, or red and blue swapped")] = Colour.PLAIN,
) -> None:
    """Measure detector and mask model on labelled pictures: figures with 95 % intervals."""
    settings = load_settings(env, config, overrides).settings
    from edge import stages as parts
    from edge.batch.outputs import save_image, to_json, to_lines, whole_file
    from edge.evaluation import evaluate as batch
    from edge.evaluation.dataset import read_dataset
    from edge.evaluation.images import COLOURS

    labelled, models = read_dataset(dataset), parts.load_models(settings, profile="quality")
    with _telling() as tell, whole_file(json_file) as json_out, whole_file(rows) as rows_out:
        done = batch.classify_dataset(labelled, models, COLOURS[colour], tell.progress, tell.bad)
        figures = batch.report(done, models) | {"colour": colour.value}
        if rows_out:
            rows_out.write(to_lines(done.rows))
        if plot:
            save_image(plot, batch.curve(figures))
        tell.progress.stop()  # else the table would stand in the middle of the bar
        give(json_out, to_json(figures), batch.table(figures))


@app.command(
    epilog="Examples: `maskwatch compare models/mask other/ scenes/` · "
    "`maskwatch compare models/mask other/ scenes/ --json differences.json --sheet faces.png`"
)
def compare(
    model_a: Annotated[Path, typer.Argument(help="a model folder", metavar="MODEL_A")],
    model_b: Annotated[Path, typer.Argument(help="another of the same kind", metavar="MODEL_B")],
    dataset: Labelled,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Json = None,
    sheet: Annotated[Path | None, typer.Option(help="the faces on which they disagree", metavar="FILE.png")] = None,
) -> None:
    """Compare two mask models on the same faces, or two face models on the same pictures."""
    settings = load_settings(env, config, overrides).settings
    from edge import stages as parts
    from edge.batch.outputs import save_image, to_json, whole_file
    from edge.evaluation import compare as batch
    from edge.evaluation.dataset import read_dataset

    labelled = read_dataset(dataset)
    kind = batch.same_kind(model_a, model_b, labelled)
    a, b = (parts.load_models(settings, profile="quality", **{kind: folder}) for folder in (model_a, model_b))
    with _telling() as tell, whole_file(json_file) as json_out:
        pair = batch.compare(labelled, a, b, kind, tell.progress, tell.bad)
        figures = batch.differences(pair, tell.progress)
        if sheet:
            save_image(sheet, batch.sheet_of(pair))
        tell.progress.stop()
        give(json_out, to_json(figures), batch.table(figures))
