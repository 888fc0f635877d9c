"""The command `maskwatch`: options, help and exit codes; the only place that catches EdgeError."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer

from edge import __version__
from edge.commands import bundles, device, files, live, models, setup
from edge.commands.options import Command, Group, with_verbosity
from edge.errors import EdgeError, InputError, OutputError

app = typer.Typer(
    name="maskwatch",
    cls=Group,
    help="Detect faces without a mask by camera, notify the people there, and publish alerts over MQTT.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for commands in (live, files, models, bundles, setup, device):
    for info in commands.app.registered_commands:
        assert info.callback is not None  # noqa: S101 - for mypy: every command has one
        info.cls, info.callback = Command, with_verbosity(info.callback)
        if commands is not bundles:
            app.registered_commands.append(info)
app.add_typer(bundles.app, cls=Group)


def run_command() -> int:
    """Run the command line and return the exit code."""
    try:
        app()
    except EdgeError as error:
        _print_error(str(error))
        return error.exit_code
    except ImportError as error:
        # such as a system library that OpenCV needs: the doctor knows its package
        _print_error(f"{error}; fix: see maskwatch doctor")
        return 1
    except PermissionError as error:
        # a file in a folder that this user may not enter, wherever it is opened first
        _print_error(f"{error.filename}: this user may not use it; fix: ask its owner, or use sudo")
        return InputError.exit_code
    except BrokenPipeError:
        # the reader of the output has ended, as `head` does: nothing is wrong, and nobody reads an error
        _discard_output()
    except OSError as error:
        return _file_error(error)
    return 0


def _file_error(error: OSError) -> int:
    """Print one sentence about a file that changed while it was used, or about a full disk."""
    if error.filename is not None:
        _print_error(f"{error.filename}: {error.strerror}")
        return InputError.exit_code
    if error.errno != errno.ENOSPC:
        raise error
    _discard_output()
    _print_error(f"standard output: {error.strerror}")
    return OutputError.exit_code


def _discard_output() -> None:
    """Discard what is still buffered for standard output: Python would fail to write it once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(sentence: str) -> None:
    print(f"maskwatch: {sentence}", file=sys.stderr)  # noqa: T201 - the one sentence for the user


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
    """Detect faces without a mask by camera, notify the people there, and publish alerts over MQTT."""
    _ = version
