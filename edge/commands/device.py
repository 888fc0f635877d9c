"""Commands about the device and its data: check, history, purge, sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from edge.clock import Clock
from edge.commands.options import Config, Env, Set, load_settings, read_settings
from edge.commands.reporting import write_result
from edge.errors import InputError, OutputError, Unavailable
from edge.privacy.signage_text import Language
from edge.settings.load import load
from edge.settings.redact import redacted_settings
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from edge.settings.compare import Difference
    from edge.settings.load import Loaded

app = typer.Typer()


@app.command(epilog="Examples: `maskwatch check` · `maskwatch check --env production --diff staging`")
def check(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write the settings as JSON; - prints them", metavar="FILE")
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option(
            help="print only what differs from another environment on this machine, or from a settings file in place "
            "of those of this machine",
            metavar="NAME|FILE",
        ),
    ] = None,
    toml_file: Annotated[
        Path | None,
        typer.Option(
            "--toml", help="with --diff: write the values there as a settings file; - prints it", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Print every setting and where it was set, and refuse what `run` would refuse. Opens no camera or connection."""
    if toml_file and not diff:
        raise typer.BadParameter("--toml writes a difference; name the other side with --diff")
    loaded = load_settings(env, config, overrides)
    if diff is None:
        _print_all(loaded, json_file)
    else:
        from edge.settings.compare import differences

        there = _other(diff, env, config, overrides)
        _print_differences(differences(loaded, there), (str(env), diff), json_file, toml_file)
    from edge.app.validation import check as validate

    validate(loaded.settings, env)


def _print_all(loaded: Loaded, json_file: Path | None) -> None:
    """Print every setting with the layer that set it."""
    from edge.batch.outputs import to_json, whole_file

    table = Table("setting", "value", "from")
    values = {}
    for section, content in redacted_settings(loaded.settings).items():
        for name, value in content.items():
            key = f"{section}.{name}"
            table.add_row(key, Text(str(value)), loaded.origins[key])
            values[key] = {"value": value, "from": loaded.origins[key]}
    with whole_file(json_file) as out:
        write_result(out, to_json(values), table)


def _other(diff: str, env: Environment, config: Path | None, overrides: list[str] | None) -> Loaded:
    """Return the settings to compare with: of another environment, or of a file and no other one."""
    if diff in set(Environment):
        return read_settings(Environment(diff), config, overrides)
    if not Path(diff).exists():
        raise InputError(
            f"{diff}: no such file, and no environment; fix: name one of {', '.join(Environment)}, or a file"
        )
    return load(env, Path(diff), overrides or (), system_file=None)


def _print_differences(
    found: list[Difference], sides: tuple[str, str], json_file: Path | None, toml_file: Path | None
) -> None:
    """Print what differs between two sides, by name, in the form that is asked for."""
    from edge.batch.outputs import to_json, whole_file
    from edge.settings.compare import as_diff, settings_file

    values = {
        one.key: {
            "here": {"value": one.here, "from": one.here_from},
            "there": {"value": one.there, "from": one.there_from},
        }
        for one in found
    }
    for file, text in ((json_file, to_json(values)), (toml_file, settings_file(found, *sides))):
        with whole_file(file) as out:
            if out is not None:
                out.write(text)
    if Path("-") not in (json_file, toml_file):
        typer.echo(as_diff(found, *sides), nl=False)


@app.command(
    epilog="Examples: `maskwatch history --since 7d` · `maskwatch history --at-least 5min --csv -` · "
    "`maskwatch history --people --json people.jsonl`"
)
def history(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    *,
    since: Annotated[
        str, typer.Option(help="only from this time on: 2026-11-20, 2026-11-20T08:00, or an age such as 7d, 36h")
    ] = "",
    until: Annotated[str, typer.Option(help="only before this time")] = "",
    label: Annotated[str, typer.Option(help="only with this label: without_mask or incorrect_mask")] = "",
    at_least: Annotated[str, typer.Option(help="only episodes that lasted at least so long, such as 30s or 5min")] = "",
    at_most: Annotated[str, typer.Option(help="only episodes that lasted at most so long")] = "",
    people: Annotated[bool, typer.Option("--people", help="show the people who came, by hour and label")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write one JSON line per row; - prints them", metavar="FILE")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="write one line per row; - prints them", metavar="FILE")
    ] = None,
) -> None:
    """Show what happened here: the alerts, newest first, or the people by hour. It is kept for a year."""
    settings = load_settings(env, config, overrides).settings
    from edge.app.history import file_to_read
    from edge.commands.history_table import show
    from edge.history.query import parse

    try:
        query = parse(Clock().wall(), since=since, until=until, label=label, at_least=at_least, at_most=at_most)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    show(file_to_read(settings), query, people=people, json_file=json_file, csv_file=csv_file)


@app.command(epilog="Examples: `maskwatch purge` · `sudo maskwatch purge --yes`")
def purge(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    yes: Annotated[bool, typer.Option("--yes", help="delete without asking")] = False,
) -> None:
    """Delete what maskwatch has stored on this machine: undelivered alerts and the history. Settings stay."""
    settings = load_settings(env, config, overrides).settings
    from edge.paths import SERVICE_STATE, state_folder
    from edge.privacy.purge import purge as delete
    from edge.privacy.purge import stored_files
    from edge.publish.message import part_of

    _refuse_while_running()
    part = part_of(settings.mqtt.topic_root)
    outbox = Path(settings.mqtt.outbox)
    named = [outbox.parent / part / outbox.name] if settings.mqtt.outbox not in ("", "memory") else []
    files = stored_files({state_folder() / part, SERVICE_STATE / part}, named)
    for file in files:
        typer.echo(f"{file.path}  {file.size_bytes} bytes")
    if not files:
        typer.echo("nothing is stored")
    elif yes or typer.confirm(f"Delete these {len(files)} files? Undelivered alerts and the history will be lost"):
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
