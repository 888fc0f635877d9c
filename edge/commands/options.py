"""The options that every command has, and the settings that they select."""

from __future__ import annotations

import functools
import inspect
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from rich.console import Console
from typer.core import TyperArgument, TyperCommand, TyperGroup

from edge.paths import user_settings
from edge.settings.load import Loaded, load
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from collections.abc import Callable

Env = Annotated[
    Environment,
    typer.Option("--env", help="the environment, which changes some defaults", envvar="MASKWATCH_ENV", metavar="NAME"),
]
Config = Annotated[Path | None, typer.Option("--config", help="a TOML file with settings", metavar="FILE")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="a single setting; can be given several times", metavar="KEY=VALUE")
]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="print only errors and results")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="log in detail")]

_level: ContextVar[str] = ContextVar("level", default="")
"""The log level that the command line requests; "" for none."""


class _PlainHelp:
    """Help without the types of Python: flags without `<bool>`, arguments without `<list[Path]>`."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer 0.15 to 0.29 have contexts of different classes
        """Return the options and arguments; a flag takes no value, and the help of an argument describes it."""
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
    """A command whose usage line has no braces, and whose errors are plain sentences."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
        """Parse the command line; errors about values lose the prefixes that pydantic adds."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ").replace("Input should be", "must be")
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as above
        """Return the words of the usage line."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


def with_verbosity(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that also has --quiet and --verbose, which set the log level for `load_settings`."""

    @functools.wraps(command)
    def wrapped(*args: object, quiet: bool = False, verbose: bool = False, **named: object) -> None:
        if quiet and verbose:
            raise typer.BadParameter("--quiet and --verbose exclude each other")
        _level.set("error" if quiet else "debug" if verbose else "")
        command(*args, **named)

    signature = inspect.signature(command)
    kinds = get_type_hints(command, include_extras=True)
    given = [parameter.replace(annotation=kinds[name]) for name, parameter in signature.parameters.items()]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in (("quiet", _Quiet), ("verbose", _Verbose))
    ]
    wrapped.__signature__ = signature.replace(parameters=[*given, *more])  # type: ignore[attr-defined]
    wrapped.__annotations__ = kinds | {"quiet": _Quiet, "verbose": _Verbose}
    return wrapped


def is_quiet() -> bool:
    """Return whether only errors and results are to be printed."""
    return _level.get() == "error"


def read_settings(env: Environment, config: Path | None, overrides: list[str] | None, *more: str) -> Loaded:
    """Return the settings in force on this machine."""
    level = [f"log.level={_level.get()}"] if _level.get() else []
    return load(env, config, [*level, *(overrides or []), *more], user_file=user_settings())


def load_settings(env: Environment, config: Path | None, overrides: list[str] | None, *more: str) -> Loaded:
    """Return the settings, and set up logging as they and the command line specify."""
    import logging

    from rich.logging import RichHandler

    loaded = read_settings(env, config, overrides, *more)
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False) if console.is_terminal else logging.StreamHandler()
    logging.basicConfig(level=loaded.settings.log.level.upper(), format="%(message)s", handlers=[handler], force=True)
    return loaded
