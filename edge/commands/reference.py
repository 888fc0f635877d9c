"""The reference of the command line, written from the commands themselves: the text of docs/command-line.md."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, get_args, get_origin

from typer.models import ArgumentInfo, CommandInfo, OptionInfo

from edge import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

_HEAD = """\
# Command line

This page is written from `edge/commands/` by `make reference`; do not edit it.

`maskwatch --help` lists the commands, and `maskwatch COMMAND --help` prints the help of one. The settings that `--set`
and `--config` change are explained in [Settings](settings.md).
"""
_EXIT_CODES = """\
## Exit codes

| Code | Meaning |
| --- | --- |
| 0 | Done. `run` and `watch` end with 0 after Ctrl-C and SIGTERM, too. |
| 1 | Some of the inputs could not be read, or `doctor` found something missing, or a library cannot be loaded. |
| 2 | The command line is wrong. |
"""
_BY_SIGNAL = "| 130 | Ended by Ctrl-C; 128 + the number of any other signal. |\n"
_COMMON = ("env", "config", "overrides", "quiet", "verbose")
_TABLE = "| Option | Meaning |\n| --- | --- |"


@dataclass(frozen=True, slots=True)
class _Parameter:
    """An argument or option of a command: how its function declares it."""

    name: str
    kind: type
    declared: ArgumentInfo | OptionInfo
    default: object

    @property
    def is_argument(self) -> bool:
        return isinstance(self.declared, ArgumentInfo)

    @property
    def spelled(self) -> list[str]:
        """Return how it is written, with its value."""
        if isinstance(self.declared, ArgumentInfo):
            several = "..." if get_origin(self.kind) is list else ""
            return [f"{self.declared.metavar}{several}"]
        # typer takes the first name for a default until it builds the command
        written = (self.declared.default, *(self.declared.param_decls or ()))
        names = [name for name in written if isinstance(name, str)] or [f"--{self.name.replace('_', '-')}"]
        if self.kind is not bool:
            names[-1] += f" {self.declared.metavar or self.name.upper()}"
        return names


def command_line_page(app: typer.Typer) -> str:
    """Return the reference page of the commands of `app`."""
    commands = [(command, "") for command in app.registered_commands]
    commands += [
        (command, f"{group.typer_instance.info.name} ")
        for group in app.registered_groups
        if group.typer_instance
        for command in group.typer_instance.registered_commands
    ]
    sections = [section for command, prefix in commands for section in _section(command, prefix)]
    common = [parameter for parameter in _parameters(app.registered_commands[0]) if parameter.name in _COMMON]
    rows = [*map(_row, common), "| `-h`, `--help` | Print the help of the command. |"]
    options = "\n".join(["## Common options\n\nEvery command has these options.\n", _TABLE, *rows, ""])
    return "\n".join([_HEAD, options, *sections, _EXIT_CODES + "".join(_codes()) + _BY_SIGNAL])


def _parameters(command: CommandInfo) -> list[_Parameter]:
    """Return what a command takes, in the order of its declaration; hidden options are left out."""
    assert command.callback is not None  # noqa: S101 - for mypy: every command has one
    found = []
    for name, parameter in inspect.signature(command.callback).parameters.items():
        kind, declared = get_args(parameter.annotation)
        if not declared.hidden:
            found.append(_Parameter(name, kind, declared, parameter.default))
    return found


def _section(command: CommandInfo, prefix: str) -> Iterator[str]:
    """Yield what a command does, how it is called, its own options, and examples; prefix: the name of its group."""
    assert command.callback is not None  # noqa: S101 - for mypy: every command has one
    own = [parameter for parameter in _parameters(command) if parameter.name not in _COMMON]
    name = prefix + (command.name or command.callback.__name__)
    words = [_usage(parameter) for parameter in own if parameter.is_argument]
    yield f"## {name}\n\n{inspect.getdoc(command.callback)}\n"
    yield f"    {' '.join(['maskwatch', name, *words, '[OPTIONS]'])}\n"
    if own:
        yield "\n".join([_TABLE, *map(_row, own), ""])
    yield f"{command.epilog}\n"


def _usage(argument: _Parameter) -> str:
    (word,) = argument.spelled
    return word if argument.default is inspect.Parameter.empty else f"[{word}]"


def _row(parameter: _Parameter) -> str:
    """Return a row of a table: how an argument or option is written, and what it means."""
    text = parameter.declared.help or ""
    meaning = [f"{text[:1].upper()}{text[1:]}."]
    if isinstance(parameter.kind, type) and issubclass(parameter.kind, Enum):
        meaning.append(f"One of {', '.join(f'`{choice.value}`' for choice in parameter.kind)}.")
    if parameter.default and parameter.default is not inspect.Parameter.empty:
        meaning.append(f"Default: `{getattr(parameter.default, 'value', parameter.default)}`.")
    if parameter.declared.envvar:
        meaning.append(f"Also read from the environment variable `{parameter.declared.envvar}`.")
    spelled = ", ".join(f"`{word}`" for word in parameter.spelled)
    return f"| {spelled} | {' '.join(meaning)} |".replace("\n", " ")


def _codes() -> Iterator[str]:
    """Yield a row for each kind of error that ends a command, in the order of the codes."""
    for kind in sorted(errors.EdgeError.__subclasses__(), key=lambda kind: kind.exit_code):
        if kind.__module__ == errors.__name__:
            yield f"| {kind.exit_code} | `{kind.__name__}`: {inspect.cleandoc(kind.__doc__ or '')} |\n"
