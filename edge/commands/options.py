"""The options that go with every command, and what they name."""

from __future__ import annotations

import functools
import inspect
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from rich.console import Console
from rich.progress import Progress
from typer.core import TyperArgument, TyperCommand, TyperGroup

from edge.paths import user_settings
from edge.settings.load import Loaded, load
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from collections.abc import Callable

Env = Annotated[
    Environment,
    typer.Option("--env", help="development, staging or production", envvar="MASKWATCH_ENV", metavar="NAME"),
]
Config = Annotated[Path | None, typer.Option("--config", help="a TOML file of settings", metavar="FILE")]
Set = Annotated[list[str] | None, typer.Option("--set", help="one setting; may be repeated", metavar="KEY=VALUE")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="print errors and results alone")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="print what happens in detail")]

_level: ContextVar[str] = ContextVar("level", default="")
"""The level of the log that the command line asks for, "" where it asks for none."""


class _PlainHelp:
    """Help without types that say nothing: flags without `<bool>`, arguments without `<list[Path]>`."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer 0.15 to 0.29 have contexts of different classes
        """Return the options and arguments; a flag takes no value, and what an argument is its help says."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
            if isinstance(param, TyperArgument):
                param.display_type_rich = lambda **_: None  # type: ignore[method-assign]
        return params


class Group(_PlainHelp, TyperGroup):
    """All commands."""


class Command(_PlainHelp, TyperCommand):
    """A command whose usage line names its arguments without braces, and whose errors are plain sentences."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
        """Parse the words of the command line; what pydantic says of a value stands without its own words."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ").replace("Input should be", "must be")
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as above
        """Return the words of the usage line."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


def with_verbosity(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes --quiet and --verbose, too; both set the level of the log for `load_settings`."""

    @functools.wraps(command)
    def wrapped(*args: object, quiet: bool = False, verbose: bool = False, **named: object) -> None:
        if quiet and verbose:
            raise typer.BadParameter("--quiet and --verbose exclude each other")
        _level.set("error" if quiet else "debug" if verbose else "")
        command(*args, **named)

    own, kinds = inspect.signature(command), get_type_hints(command, include_extras=True)
    given = [parameter.replace(annotation=kinds[name]) for name, parameter in own.parameters.items()]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in (("quiet", _Quiet), ("verbose", _Verbose))
    ]
    wrapped.__signature__ = own.replace(parameters=[*given, *more])  # type: ignore[attr-defined]
    wrapped.__annotations__ = kinds | {"quiet": _Quiet, "verbose": _Verbose}
    return wrapped


def is_quiet() -> bool:
    """Return whether errors and results alone are wanted."""
    return _level.get() == "error"


def progress_of(console: Console) -> Progress:
    """Return a progress bar for a terminal; none elsewhere, and none for a quiet command."""
    return Progress(console=console, transient=True, disable=is_quiet() or not console.is_terminal)


def load_settings(env: Environment, config: Path | None, overrides: list[str] | None, *more: str) -> Loaded:
    """Return the settings, and set logging up as they and the command line ask for."""
    import logging

    from rich.logging import RichHandler

    level = [f"log.level={_level.get()}"] if _level.get() else []
    loaded = load(env, config, [*level, *(overrides or []), *more], user_file=user_settings())
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False) if console.is_terminal else logging.StreamHandler()
    logging.basicConfig(level=loaded.settings.log.level.upper(), format="%(message)s", handlers=[handler], force=True)
    return loaded
