"""The command `maskwatch`: options, help and exit codes; the only place that catches EdgeError."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer

from edge import __version__
from edge.commands import device, files, live, models, setup
from edge.commands.options import Command, Group, with_verbosity
from edge.errors import EdgeError, InputError, OutputError

app = typer.Typer(
    name="maskwatch",
    cls=Group,
    help="Watch a place by camera: judge masks, tell the people nearby, publish alerts over MQTT.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for commands in (live, files, models, setup, device):
    for info in commands.app.registered_commands:
        assert info.callback is not None  # noqa: S101 - for mypy: every command has one
        info.cls, info.callback = Command, with_verbosity(info.callback)
        app.registered_commands.append(info)


def run_command() -> int:
    """Run what the command line says and return the exit code."""
    try:
        app()
    except EdgeError as error:
        print(f"maskwatch: {error}", file=sys.stderr)  # noqa: T201 - the one sentence for the user
        return error.exit_code
    except ImportError as error:
        # of a system library as OpenCV wants it, say: which one, and what mends it, the doctor knows
        print(f"maskwatch: {error}; mend: see maskwatch doctor", file=sys.stderr)  # noqa: T201 - as above
        return 1
    except PermissionError as error:
        # a file in a folder that this user may not enter: wherever it is looked for first
        print(f"maskwatch: {error.filename}: this user may not use it; mend: ask its owner, or sudo", file=sys.stderr)  # noqa: T201
        return InputError.exit_code
    except BrokenPipeError:
        # whoever read us has gone, as `head` does: nothing is wrong, and there is nobody left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _file_error(error)
    return 0


def _file_error(error: OSError) -> int:
    """Print one sentence on a file that changed between two looks at it, or on the full disk that output goes to."""
    if error.filename is None and error.errno != errno.ENOSPC:
        raise error
    if error.filename is None:  # what is still held must not be complained of again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"maskwatch: {error.filename or 'standard output'}: {error.strerror}", file=sys.stderr)  # noqa: T201 - as above
    return InputError.exit_code if error.filename else OutputError.exit_code


def _version(*, value: bool) -> None:
    if value:
        typer.echo(f"maskwatch {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version", metavar="")
    ] = False,
) -> None:
    """Watch a place by camera: judge masks, tell the people nearby, publish alerts over MQTT."""
    _ = version
