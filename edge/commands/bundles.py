"""Commands on the store of models: models list, install, verify, promote, rollback, prune, pack."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from edge.commands.options import Config, Env, Set, load_settings
from edge.commands.reporting import reporting, write_result
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.commands.reporting import Report
    from edge.registry import Gate
    from edge.registry.store import Store
    from edge.settings.schema import Settings

app = typer.Typer(
    name="models",
    help="Install, verify, promote and take back models.",
    no_args_is_help=True,
)

_SHOWN = 12
_RESTART = "in use from the next start on: sudo systemctl restart maskwatch"
Named = Annotated[str, typer.Argument(help="an alias, a version's hash, or the beginning of a hash", metavar="VERSION")]


@app.command("list", epilog="Examples: `maskwatch models list` · `maskwatch models list --json -`")
def list_models(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write versions and log as JSON; - prints them", metavar="FILE")
    ] = None,
) -> None:
    """Print the installed versions with their aliases, signature and last change; "built-in" are those that ship."""
    settings = load_settings(env, config, overrides).settings
    from edge.batch.outputs import to_json, whole_file
    from edge.registry import log
    from edge.registry.active import store_of
    from edge.registry.listing import rows

    store = store_of(settings.models)
    found = rows(store)
    table = Table("version", "alias", "signed by", "last change")
    for row in found:
        signed = f"{row['key']}, number {row['sequence']}, expires {row['expires']}" if row["sequence"] else row["key"]
        last = row["problem"] or row["last"]
        table.add_row(*(Text(text) for text in (row["version"][:_SHOWN], row["alias"] or "-", signed, last)))
    with whole_file(json_file) as out:
        content = {"versions": found, "problem": store.aliases().problem, "log": log.read(store.folder)}
        write_result(out, to_json(content), table)


@app.command(
    epilog="Examples: `sudo maskwatch models install /media/usb` · `maskwatch models install https://models.example/"
    "7.maskwatch` · `maskwatch models install build/mine.maskwatch --unsigned`"
)
def install(
    origin: Annotated[
        str, typer.Argument(help="a bundle, a folder that holds one, or an https address", metavar="ORIGIN")
    ],
    *,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="accept a bundle without a signature; production refuses it all the same")
    ] = False,
) -> None:
    """Verify a bundle and keep it as the challenger; what is in force stays."""
    settings = load_settings(env, config, overrides).settings
    store = _safe_store(settings, env)
    from edge.app import golden
    from edge.registry.origin import opened

    with opened(origin) as (stream, name):
        version = store.install(stream, name, golden.check, unsigned=unsigned)
    typer.echo(f"installed version {version.sha256[:_SHOWN]}; to put it in force: maskwatch models promote")


@app.command(
    epilog="Examples: `maskwatch models verify` · `maskwatch models verify challenger` · `maskwatch models verify "
    "/media/usb`"
)
def verify(
    name: Annotated[
        str,
        typer.Argument(
            help="an alias, a version's hash or its beginning; or a bundle as `models install` takes it",
            metavar="VERSION|ORIGIN",
        ),
    ] = "champion",
    *,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="accept a bundle without a signature")] = False,
) -> None:
    """Verify files, signature, content and golden outputs of a version or of a bundle; nothing is changed."""
    settings = load_settings(env, config, overrides).settings
    store = _safe_store(settings, env)
    from edge.app import golden
    from edge.registry.origin import opened

    if "://" in name or Path(name).exists():
        with opened(name) as (stream, file):
            version = store.verify(stream, file, golden.check, unsigned=unsigned)
    else:
        version = store.version(store.find(name))
        golden.check(version.folder)
    signed = f"signed with key {version.key}" if version.key else "not signed"
    typer.echo(f"version {version.sha256[:_SHOWN]}: whole, {signed}, its golden outputs are those of this machine")


@app.command(
    epilog="Examples: `maskwatch models promote --dry-run` · `sudo maskwatch models promote` · "
    '`sudo maskwatch models promote 3f2a --force "measured by hand"`'
)
def promote(
    name: Named = "challenger",
    *,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    force: Annotated[
        str, typer.Option(help="promote it although the gate would refuse it; the reason is kept", metavar="REASON")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print whether it would be promoted, and change nothing")
    ] = False,
) -> None:
    """Make a version the champion, if the gate lets it pass; for its first ten minutes it is on trial."""
    settings = load_settings(env, config, overrides).settings
    store = _safe_store(settings, env)
    from edge.app import golden
    from edge.paths import models

    with reporting() as report:
        promoted = store.may_promote if dry_run else store.promote
        sha256 = promoted(name, _gate(settings, report), models(), golden.check, force=force)
    done = "would be promoted; nothing was changed" if dry_run else f"is the champion; {_RESTART}"
    typer.echo(f"version {sha256[:_SHOWN]} {done}")


@app.command(epilog="Examples: `sudo maskwatch models rollback` · `sudo maskwatch models rollback 3f2a91c07b55`")
def rollback(
    version: Annotated[
        str,
        typer.Argument(
            help="take back this version only, by its hash: nothing is done if another is in force", metavar="VERSION"
        ),
    ] = "",
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
) -> None:
    """Put the models before the champion in force again; without any, the built-in ones."""
    settings = load_settings(env, config, overrides).settings
    from edge.registry.active import store_of

    store = store_of(settings.models)
    if not store.aliases().champion.startswith(version.lower()):
        typer.echo(f"version {version[:_SHOWN]} is not the champion; nothing was changed")
        return
    sha256 = store.rollback()
    what = f"version {sha256[:_SHOWN]} is the champion" if sha256 else "the built-in models are in force"
    typer.echo(f"{what}; {_RESTART}")


@app.command(epilog="Examples: `sudo maskwatch models prune`")
def prune(env: Env = Environment.DEVELOPMENT, config: Config = None, overrides: Set = None) -> None:
    """Remove the versions that no alias names."""
    settings = load_settings(env, config, overrides).settings
    from edge.registry.active import store_of

    for sha256 in store_of(settings.models).prune():
        typer.echo(f"removed version {sha256[:_SHOWN]}")


@app.command(
    epilog="Examples: `maskwatch models pack build/models new.maskwatch` · `maskwatch models pack models 7.maskwatch "
    "--key ~/.minisign/minisign.key --sequence 7 --expires 2027-12-31`"
)
def pack(
    models: Annotated[
        Path, typer.Argument(help="a folder with face/ and mask/, as models/ has them", metavar="MODELS")
    ],
    bundle: Annotated[Path, typer.Argument(help="the bundle to write; its name ends in .maskwatch", metavar="BUNDLE")],
    *,
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    key: Annotated[
        Path | None, typer.Option(help="sign with this secret key of minisign, which asks for its password")
    ] = None,
    sequence: Annotated[
        int, typer.Option(help="with --key: the number of the release, higher than every one before", min=1)
    ] = 1,
    expires: Annotated[
        datetime | None,
        typer.Option(help="with --key: the last day on which it can be installed", formats=["%Y-%m-%d"], metavar="DAY"),
    ] = None,
    signature: Annotated[
        Path | None,
        typer.Option(help="use this signature of the bundle's SHA256SUMS, made elsewhere", metavar="FILE.minisig"),
    ] = None,
) -> None:
    """Make a bundle of a folder of models; the same files make the same bytes."""
    load_settings(env, config, overrides)
    from edge.app import golden
    from edge.registry.bundle import SUFFIX
    from edge.registry.pack import pack as write

    if bundle.suffix != SUFFIX:
        raise typer.BadParameter(f"the name of a bundle ends in {SUFFIX}", param_hint="BUNDLE")
    golden.check(models)
    sha256 = write(models, bundle, _signer(key, sequence, expires.date() if expires else None, signature))
    typer.echo(f"{bundle}: version {sha256[:_SHOWN]}")


def _signer(
    key: Path | None, sequence: int, expires: date | None, signature: Path | None
) -> Callable[[Path], str] | None:
    from edge.registry.pack import signed_before, signed_by

    if key and signature:
        raise typer.BadParameter("--key and --signature exclude each other")
    if key and expires is None:
        raise typer.BadParameter("--key needs the last day on which the bundle can be installed, --expires YYYY-MM-DD")
    if key and expires:
        return signed_by(key, sequence, expires)
    return signed_before(signature) if signature else None


def _safe_store(settings: Settings, env: Environment) -> Store:
    """Return the store, once the settings are safe for the environment: production requires signatures."""
    from edge.app.safety import refuse_unsafe
    from edge.registry.active import store_of

    refuse_unsafe(settings, env, section="models.")
    return store_of(settings.models)


def _gate(settings: Settings, report: Report) -> Gate:
    """Return what decides whether a challenger may be promoted; it prints what it finds as a table."""
    from edge.registry.gate import MeasuredGate

    return MeasuredGate(settings, report.progress, report.count, report.progress.console.print)
