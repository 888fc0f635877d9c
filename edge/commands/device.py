"""Commands about the device and its data: check, purge, sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from edge.commands.options import Config, Env, Set, load_settings
from edge.commands.reporting import write_result
from edge.errors import OutputError, Unavailable
from edge.privacy.signage_text import Language
from edge.settings.redact import redacted_settings
from edge.settings.schema import Environment

app = typer.Typer()


@app.command(epilog="Examples: `maskwatch check` · `maskwatch check --env production` · `maskwatch check --json -`")
def check(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write the settings as JSON; - prints them", metavar="FILE")
    ] = None,
) -> None:
    """Print every setting and where it was set, and refuse what `run` would refuse. Opens no camera or connection."""
    from edge.batch.outputs import to_json, whole_file

    loaded = load_settings(env, config, overrides)
    table = Table("setting", "value", "from")
    values = {}
    for section, content in redacted_settings(loaded.settings).items():
        for name, value in content.items():
            key = f"{section}.{name}"
            table.add_row(key, Text(str(value)), loaded.origins[key])
            values[key] = {"value": value, "from": loaded.origins[key]}
    with whole_file(json_file) as out:
        write_result(out, to_json(values), table)
    from edge.app.validation import check as validate

    validate(loaded.settings)


@app.command(epilog="Examples: `maskwatch purge` · `sudo maskwatch purge --yes`")
def purge(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    yes: Annotated[bool, typer.Option("--yes", help="delete without asking")] = False,
) -> None:
    """Delete what maskwatch has stored on this machine: alerts that are not delivered yet. Settings stay."""
    settings = load_settings(env, config, overrides).settings
    from edge.paths import SERVICE_STATE, state_folder
    from edge.privacy.purge import purge as delete
    from edge.privacy.purge import stored_files

    _refuse_while_running()
    named = [Path(settings.mqtt.outbox)] if settings.mqtt.outbox not in ("", "memory") else []
    files = stored_files({state_folder(), SERVICE_STATE}, named)
    for file in files:
        typer.echo(f"{file.path}  {file.size_bytes} bytes")
    if not files:
        typer.echo("nothing is stored")
    elif yes or typer.confirm(f"Delete these {len(files)} files? Alerts that are not delivered yet will be lost"):
        delete(files)
        typer.echo(f"deleted {len(files)} files")


@app.command(epilog="Examples: `maskwatch sheet public/` · `maskwatch sheet public/ --language fr`")
def sheet(
    folder: Annotated[
        Path, typer.Argument(help="the folder in which sign.html and datasheet.html are written", metavar="DIR")
    ],
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    language: Annotated[Language, typer.Option(help="the language of the sign")] = Language.EN,
) -> None:
    """Write a sign for passers-by and a data sheet for the operator, both from the settings in force."""
    settings = load_settings(env, config, overrides).settings
    from edge.batch.outputs import whole_file
    from edge.privacy import signage as pages
    from edge.stages import load_models

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created: {error.strerror}") from error
    for name, text in (
        ("sign.html", pages.sign(settings, language)),
        ("datasheet.html", pages.data_sheet(settings, load_models(settings, profile="live").specs)),
    ):
        with whole_file(folder / name) as out:
            assert out is not None  # noqa: S101 - for mypy: a path was given
            out.write(text)
        typer.echo(folder / name)


def _refuse_while_running() -> None:
    """Raise Unavailable while maskwatch runs here, since it would write again what is deleted."""
    from edge.paths import SERVICE_SCENE, scene_socket
    from edge.show.sockets import is_listening

    for path in (scene_socket(), SERVICE_SCENE):
        if is_listening(path):
            raise Unavailable(f"{path}: maskwatch is running; fix: sudo systemctl stop maskwatch, then run this again")
