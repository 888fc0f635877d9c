"""The options that go with every command, and what they name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge.folders import user_settings
from edge.layers import Loaded, load
from edge.settings import Environment

Env = Annotated[
    Environment, typer.Option("--env", help="which differences to read over the defaults", envvar="MASKWATCH_ENV")
]
Config = Annotated[Path | None, typer.Option("--config", help="a TOML file of settings", metavar="FILE")]
Set = Annotated[list[str] | None, typer.Option("--set", help="one setting; may be repeated", metavar="KEY=VALUE")]


def load_settings(env: Environment, config: Path | None, overrides: list[str] | None, *more: str) -> Loaded:
    """Return the settings, and set logging up as they say."""
    import logging

    from rich.logging import RichHandler

    loaded = load(env, config, [*(overrides or []), *more], user_file=user_settings())
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False) if console.is_terminal else logging.StreamHandler()
    logging.basicConfig(level=loaded.settings.log.level.upper(), format="%(message)s", handlers=[handler], force=True)
    return loaded
